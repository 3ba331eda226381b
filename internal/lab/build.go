package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	rootModule    = "module github.com/knowledgebeast/greenwatch"
	progressEvery = 10 * time.Second
)

// BuildOptions say what to build.
type BuildOptions struct {
	Only     []string  // names of programs; empty means all
	Progress io.Writer // a line per program and 10 s; nil means os.Stderr
}

// Programs are the lab's binaries, built.
type Programs struct{ shop workshop }

// Path is where the named program is.
func (p Programs) Path(name string) string { return p.shop.binary(name) }

// Build compiles the programs that are missing or out of date, one at a time. Of several
// processes that build at once, one does and the others wait for it. An interrupted build
// leaves nothing behind that would be taken for a program.
func Build(ctx context.Context, o BuildOptions) (Programs, error) {
	if o.Progress == nil {
		o.Progress = os.Stderr
	}
	wanted, err := choose(o.Only)
	if err != nil {
		return Programs{}, fmt.Errorf("build the lab's programs: %w", err)
	}
	shop, err := openWorkshop(o.Progress)
	if err != nil {
		return Programs{}, fmt.Errorf("build the lab's programs: %w", err)
	}
	if err := shop.build(ctx, wanted); err != nil {
		return Programs{}, fmt.Errorf("build the lab's programs: %w", err)
	}
	return Programs{shop: shop}, nil
}

func choose(only []string) ([]program, error) {
	if len(only) == 0 {
		return programs, nil
	}
	var chosen []program
	for _, name := range only {
		i := slices.IndexFunc(programs, func(p program) bool { return p.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no program %q", name)
		}
		chosen = append(chosen, programs[i])
	}
	return chosen, nil
}

// workshop is where programs are built and kept.
type workshop struct {
	root     string // the repository
	bin      string
	assets   string // KUBEBUILDER_ASSETS
	progress io.Writer
}

func openWorkshop(progress io.Writer) (workshop, error) {
	root, err := repository()
	if err != nil {
		return workshop{}, err
	}
	bin := os.Getenv("GREENWATCH_LAB_BIN")
	if bin == "" {
		bin = filepath.Join(root, ".lab", "bin")
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return workshop{}, err
	}
	return workshop{root: root, bin: bin, assets: os.Getenv("KUBEBUILDER_ASSETS"), progress: progress}, nil
}

// repository is the nearest folder, upwards of the working directory, that holds the root module.
func repository() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && slices.Contains(strings.Split(string(text), "\n"), rootModule) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("find the repository: no go.mod with %q in %s or above", rootModule, start)
		}
	}
}

func (w workshop) binary(name string) string {
	if i := slices.IndexFunc(programs, func(p program) bool { return p.name == name }); i >= 0 && w.provided(programs[i]) {
		return filepath.Join(w.assets, name)
	}
	return filepath.Join(w.bin, name)
}

// provided tells whether KUBEBUILDER_ASSETS holds the program.
func (w workshop) provided(p program) bool {
	if !p.asset || w.assets == "" {
		return false
	}
	_, err := os.Stat(filepath.Join(w.assets, p.name))
	return err == nil
}

func (w workshop) build(ctx context.Context, wanted []program) error {
	missing, err := w.stale(wanted)
	if err != nil || len(missing) == 0 {
		return err
	}
	unlock, err := w.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	missing, err = w.stale(wanted) // somebody else may have built them meanwhile
	if err != nil {
		return err
	}
	for i, p := range missing {
		if err := w.compile(ctx, p, fmt.Sprintf("[%d/%d]", i+1, len(missing))); err != nil {
			return err
		}
	}
	return nil
}

func (w workshop) stale(wanted []program) ([]program, error) {
	var stale []program
	for _, p := range wanted {
		if w.provided(p) {
			continue
		}
		digest, err := w.digest(p)
		if err != nil {
			return nil, err
		}
		if !p.pinned || !w.fresh(p.name, digest) {
			stale = append(stale, p)
		}
	}
	return stale, nil
}

// digest stands for everything that a pinned program is made from.
func (w workshop) digest(p program) (string, error) {
	sums, err := w.moduleDigest(p.module)
	if err != nil {
		return "", err
	}
	return digest(slices.Concat([]string{sums, p.path}, p.flags, p.env)...), nil
}

func (w workshop) moduleDigest(module string) (string, error) {
	var parts []string
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(w.root, module, name))
		if err != nil {
			return "", err
		}
		parts = append(parts, string(text))
	}
	return digest(parts...), nil
}

func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// fresh tells whether the file exists and its stamp carries the digest.
func (w workshop) fresh(name, digest string) bool {
	_, err := os.Stat(filepath.Join(w.bin, name))
	stamp, stampErr := os.ReadFile(w.stamp(name))
	return err == nil && stampErr == nil && string(stamp) == digest
}

func (w workshop) stamp(name string) string { return filepath.Join(w.bin, "."+name+".stamp") }

// install puts the finished file in place and says what it was made from. The old stamp goes
// first: a file whose stamp is missing is built again, never trusted.
func (w workshop) install(finished, name, digest string) error {
	if err := os.Remove(w.stamp(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Rename(finished, filepath.Join(w.bin, name)); err != nil {
		return err
	}
	return replaceFile(w.stamp(name), []byte(digest))
}

func (w workshop) compile(ctx context.Context, p program, count string) error {
	digest, err := w.digest(p)
	if err != nil {
		return err
	}
	next := filepath.Join(w.bin, ".next", p.name) // go build leaves it alone when it is up to date
	if err := os.MkdirAll(filepath.Dir(next), 0o755); err != nil {
		return err
	}
	done := w.report(count, p)
	err = w.goBuild(ctx, p, next)
	done(err)
	if err != nil {
		return err
	}
	if p.pinned {
		return w.install(next, p.name, digest)
	}
	return copyIfChanged(next, filepath.Join(w.bin, p.name))
}

func (w workshop) goBuild(ctx context.Context, p program, out string) error {
	args := append([]string{"build", "-mod=readonly"}, p.flags...)
	_, err := w.goCommand(ctx, p.module, p.env, append(args, "-o", out, p.path)...)
	if err != nil {
		return fmt.Errorf("compile %s: %w", p.name, err)
	}
	return nil
}

// goCommand runs go in a module's folder. Cancelling ends the compilers that it started too.
func (w workshop) goCommand(ctx context.Context, module string, env []string, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Join(w.root, module)
	cmd.Env = slices.Concat(os.Environ(), []string{"GOWORK=off"}, env)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s in %s: %w\n%s", strings.Join(args, " "), module, err, stderr.String())
	}
	return stdout.String(), nil
}

// report says what is being compiled and for how long, until the returned function is called.
// Programs that go build is asked for each time are mentioned only when they take long.
func (w workshop) report(count string, p program) func(error) {
	begin, quit := time.Now(), make(chan struct{})
	say := func(what string) {
		fmt.Fprintf(w.progress, "%s %s %s ... %.0f s\n", count, what, p.name, time.Since(begin).Seconds())
	}
	if p.pinned {
		say("compiling")
	}
	go func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				say("compiling")
			}
		}
	}()
	return func(err error) {
		close(quit)
		if err == nil && (p.pinned || time.Since(begin) > progressEvery) {
			say("compiled")
		}
	}
}

// lock waits until no other process builds in the same folder.
func (w workshop) lock(ctx context.Context) (unlock func(), err error) {
	file, err := os.OpenFile(filepath.Join(w.bin, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	told := time.Now()
	err = Until(ctx, func(context.Context) error {
		if time.Since(told) > progressEvery {
			told = time.Now()
			fmt.Fprintln(w.progress, "waiting for another process to finish building the lab's programs")
		}
		return syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	})
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	return func() { file.Close() }, nil // the lock ends with the descriptor
}

// extract returns the path of a file taken out of a module's sources, one document after the other.
func (w workshop) extract(ctx context.Context, e extract) (string, error) {
	sums, err := w.moduleDigest(e.module)
	if err != nil {
		return "", err
	}
	path, stamp := filepath.Join(w.bin, e.name), digest(append([]string{sums, e.source}, e.globs...)...)
	if w.fresh(e.name, stamp) {
		return path, nil
	}
	unlock, err := w.lock(ctx)
	if err != nil {
		return "", err
	}
	defer unlock()
	text, err := w.readSources(ctx, e)
	if err != nil {
		return "", fmt.Errorf("take %s out of %s: %w", e.name, e.source, err)
	}
	next := filepath.Join(w.bin, ".next-"+e.name)
	if err := os.WriteFile(next, text, 0o644); err != nil {
		return "", err
	}
	return path, w.install(next, e.name, stamp)
}

func (w workshop) readSources(ctx context.Context, e extract) ([]byte, error) {
	if _, err := w.goCommand(ctx, e.module, nil, "mod", "download", e.source); err != nil {
		return nil, err
	}
	dir, err := w.goCommand(ctx, e.module, nil, "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", e.source)
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	for _, glob := range e.globs {
		files, err := filepath.Glob(filepath.Join(strings.TrimSpace(dir), glob))
		if err != nil || len(files) == 0 {
			return nil, errors.Join(fmt.Errorf("no file matches %s", glob), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&all, "---\n%s\n", text)
		}
	}
	return all.Bytes(), nil
}

// copyIfChanged leaves the target alone, and so the processes that run it, when nothing changed.
func copyIfChanged(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(to); err == nil && bytes.Equal(old, text) {
		return nil
	}
	next := to + ".next"
	if err := os.WriteFile(next, text, 0o755); err != nil {
		return err
	}
	return os.Rename(next, to)
}

// replaceFile writes a file that is never seen half written.
func replaceFile(path string, text []byte) error {
	next := filepath.Join(filepath.Dir(path), ".next-"+filepath.Base(path))
	if err := os.WriteFile(next, text, 0o644); err != nil {
		return err
	}
	return os.Rename(next, path)
}
