package watchdog_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var bugWalks = flag.Int("bugs", 0, "in how many walks each deliberate bug is looked for; 0: only whether it can be put in")

// bug is a deliberate mistake in the product's code: what a slip, or a well-meant change, might make of it. The
// simulation has to find it.
type bug struct {
	name, promise string
	file          string // below internal
	old, new      string // old stands there once
}

var bugs = []bug{
	{"a hold is not looked at", "people-win", "release/decide.go",
		"case t.s.Is(ConditionHeld):", "case false:"},
	{"mode Observe is not looked at", "people-win", "release/decide.go",
		"case o.Mode != Enforce:", "case false:"},
	{"a person's decision is obeyed again and again", "people-win", "release/people.go",
		"t.s.Obeyed = d.fact()", "_ = d.fact()"},
	{"another writer's weights are set again without end", "people-win", "release/ladder.go",
		"l.Reasserts < mostReasserts", "true"},
	{"what stable's own endpoint says is not looked at", "never-worse", "release/decide.go",
		`return t.o.StableFails != "" && t.o.World.Slot(t.candidate().Slot).Ready > 0`, "return false"},
	{"what nobody wants any more is not taken for an outage", "blind-is-not-bad", "release/lull.go",
		"return w.Most(v.Slot) > 0", "return w.Most(v.Slot) > 0 && v.Wanted > 0"},
	{"blind is taken for bad", "blind-is-not-bad", "release/decide.go",
		"if t.o.Guard.Tier != judge.Rollback {", "if t.o.Guard.Tier != judge.Rollback && t.o.Guard.Tier != judge.Blind {"},
	{"what fails on both sides is taken for the release", "never-worse", "judge/attribute.go",
		"a.AsBad = l.asBad(", "a.AsBad = false && l.asBad("},
	{"the traffic is moved without waiting for stable", "ready-first", "release/ladder.go",
		"if ready >= need {", "if ready >= need || true {"},
	{"stable is not scaled up", "ready-first", "release/pending.go",
		"a.Deed, a.Replicas = ScaleUp, l.Needed", "return nil"},
	{"the last check is not waited for", "no-lost-check", "release/life.go",
		"if int(t.s.Checks) >= t.s.Grid.Count() &&", "if int(t.s.Checks) >= t.s.Grid.Count()-1 &&"},
	{"a check is judged that is not due", "no-lost-check", "watchdog/measure.go",
		"s.Grid.Check(s.Cutover, int(s.Checks)+1)", "s.Grid.Check(s.Cutover, int(s.Checks)+2)"},
	{"a later sight of all the traffic restarts the schedule", "no-lost-check", "release/life.go",
		"\t\tif t.s.Cutover.IsZero() {\n\t\t\tt.s.Cutover =", "\t\tif true {\n\t\t\tt.s.Cutover ="},
	{"a release is rolled back by itself a second time", "once", "release/decide.go",
		"case t.s.Is(ConditionRollbackLost) || t.s.Ladder != nil && (t.s.Ladder.Tried || !t.s.Ladder.FirstShift.IsZero()):", "case false:"},
	{"a revision that was rolled back by itself is rolled back by itself again", "people-win", "release/decide.go",
		"case o.Spec.Spent > 0:", "case false:"},
	{"what is brought back is taken for a release", "once", "release/detect.go",
		"if isStable(l, open, v) {", "if false {"},
	{"a deed has a plan of another namespace", "no-deputy", "release/pending.go",
		"frozen := *l\n", "frozen := *l\n\tfrozen.Plan.Namespace = \"victim\"\n"},
	{"who was told is not kept", "once", "release/outcome.go",
		"\tif moment.IsZero() {\n\t\t*moment = o.At\n\t}", "\t_ = moment"},
	{"what was delivered is not looked up before it is saved", "once", "watchdog/tell.go",
		"if d.book.delivered(r.Name(), a) {", "if false {"},
	{"an incident's key depends on the moment", "once", "release/state.go",
		`return fmt.Sprintf("%s/%s/%d/%s", namespace, release, i.Episode, i.Code)`, `return fmt.Sprintf("%s/%s/%d/%s", namespace, release, i.Opened, i.Code)`},
	{"how a release ended is not noted in the ledger", "once", "watchdog/sync.go",
		"ledger := release.Settle(p.Ledger, release.Open{Spec: r.Spec, State: r.State})", "ledger := p.Ledger"},
	{"the breaker counts nothing", "bounded", "watchdog/sync.go",
		"o.Fleet = release.Fleet{Rollbacks: d.fleet.others(active, ledgers, r.Name())}", "_, _ = active, ledgers"},
	{"each look is saved", "bounded", "watchdog/sync.go",
		"if release.Same(r.State, next.State) {", "if false {"},
	{"a conflict is written over", "one-writer", "watchdog/sync.go",
		"if errors.Is(err, ErrConflict) {\n\t\t\td.fleet.takeBack(*r)", "if false {\n\t\t\td.fleet.takeBack(*r)"},
	{"weights are set whatever was written since they were read", "one-writer", "istio/move.go",
		`[]operation{{Op: "replace", Path: "/metadata/resourceVersion", Value: vs.ResourceVersion}}`, "nil"},
	{"weights are set over routes that were not read, where others write all the time", "one-writer", "istio/move.go",
		"return m.fenced(vs, guards)", "return m.fenced(vs, guards[:1])"},
	{"the cache is believed after one's own write", "one-writer", "watchdog/sync.go",
		"!d.trusted.is(k) || slices.ContainsFunc(cached, intends)", "false"},
	{"a release is born by a stale ledger", "one-writer", "watchdog/begin.go",
		"if p, err = d.Fresh(ctx, p); err != nil {", "if err != nil {"},
	{"a step of life is decided by what caches show", "one-writer", "watchdog/sync.go",
		"if next.State.Phase != r.State.Phase && !o.World.Live {", "if false {"},
	{"a sink that asked to be left alone is not", "act-before-tell", "watchdog/tell.go",
		"if wait := time.Until(d.book.restsUntil(l)); wait > 0 {", "if wait := time.Until(d.book.restsUntil(l)); wait > 0 && false {"},
	{"an incident is closed before it was opened", "act-before-tell", "watchdog/tell.go",
		"Record: r}, done) {\n\t\t\tbreak", "Record: r}, done) {\n\t\t\tcontinue"},
	{"a failed delivery is given up", "act-before-tell", "watchdog/tell.go",
		"if retry.Again && !d.expired(m) {", "if false {"},
}

// Each bug is found by the simulation, within the walks that -bugs says; make simulate prints the table. Without
// it the test sees that all of them can be put into the code as it is.
func TestSimulateDeliberateBugs(t *testing.T) {
	for _, b := range bugs {
		t.Run(b.name, func(t *testing.T) {
			overlay := put(t, b)
			if *bugWalks == 0 {
				return
			}
			found := b.hunt(t, overlay)
			t.Log(found)
			if !found.any() {
				t.Errorf("%s (%s): not found in %d walks, nor by a course or a test", b.name, b.promise, *bugWalks)
			}
		})
	}
}

// put gives an overlay of the go command with bugs in it, each in a file of its own.
func put(t *testing.T, all ...bug) string {
	t.Helper()
	replaced := map[string]string{}
	for _, b := range all {
		path, changed := b.write(t)
		replaced[path] = changed
	}
	text, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(t.TempDir(), "overlay.json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}

// write gives the path of the file that the bug is in, and that of a copy with the bug.
func (b bug) write(t *testing.T) (path, changed string) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", filepath.FromSlash(b.file)))
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), b.old); n != 1 {
		t.Fatalf("%s: %q stands there %d times, want once: write the bug anew", b.file, b.old, n)
	}
	changed = filepath.Join(t.TempDir(), "changed.go")
	if err := os.WriteFile(changed, []byte(strings.Replace(string(source), b.old, b.new, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, changed
}

// hunted is where a bug was found.
type hunted struct {
	bug
	walks  []int  // seeds
	course string // one of them
	test   string // one of those that tell a story of their own
	hung   bool
	took   time.Duration
}

func (h hunted) any() bool { return len(h.walks) > 0 || h.course != "" || h.test != "" || h.hung }

func (h hunted) String() string {
	where := fmt.Sprintf("%d of %d walks", len(h.walks), *bugWalks)
	if len(h.walks) > 0 {
		where += fmt.Sprintf(", first in seed %d", slices.Min(h.walks))
	}
	if h.course != "" {
		where += ", course " + strconv.Quote(h.course)
	}
	if h.test != "" {
		where += ", " + h.test
	}
	if h.hung {
		where += ", it never comes to rest"
	}
	return fmt.Sprintf("| %s | %s | %s | %s |", h.name, h.promise, where, h.took.Round(time.Second))
}

var (
	walkFailed   = regexp.MustCompile(`--- FAIL: TestSimulateWalks/walks/seed_(\d+)`)
	testFailed   = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)
	courseFailed = regexp.MustCompile(`--- FAIL: (?:TestCourses|TestSimulateCrashes/courses)/(\S+)`)
)

// hunts are what a bug is looked for by, one after the other until it is found.
var hunts = [][]string{
	{"-test.run", "^TestSimulateWalks$"},
	{"-test.failfast", "-test.run", "^(TestCourses|TestSimulateCrashes)$"},
	{"-test.failfast", "-test.skip", "^(TestSimulate.*|TestCourses)$"},
}

// hunt runs the simulation against the code with the bug in it.
func (b bug) hunt(t *testing.T, overlay string) (h hunted) {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	program := filepath.Join(t.TempDir(), "watchdog.test")
	if out, err := exec.CommandContext(ctx, "go", "test", "-overlay", overlay, "-c", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%s does not compile:\n%s", b.name, out)
	}
	h.bug = b
	for _, args := range hunts {
		out, _ := exec.CommandContext(ctx, program, append(slices.Clone(args), "-test.timeout", "3m", "-seeds", strconv.Itoa(*bugWalks))...).CombinedOutput()
		if h.reads(string(out)); h.any() {
			break
		}
	}
	h.took = time.Since(began)
	return h
}

// reads takes what the tests said.
func (h *hunted) reads(text string) {
	h.hung = strings.Contains(text, "test timed out") || strings.Contains(text, "deadlock")
	for _, m := range walkFailed.FindAllStringSubmatch(text, -1) {
		seed, _ := strconv.Atoi(m[1])
		h.walks = append(h.walks, seed)
	}
	if m := courseFailed.FindStringSubmatch(text); m != nil {
		h.course = strings.ReplaceAll(m[1], "_", " ")
	}
	for _, m := range testFailed.FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(m[1], "TestSimulate") && m[1] != "TestCourses" {
			h.test = m[1]
		}
	}
}
