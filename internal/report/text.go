package report

import (
	"strings"
)

// Text lays a release out for a terminal.
func Text(r Release) string {
	s := compose(r, terminal())
	var b strings.Builder
	b.WriteString(s.title + "\n" + s.sides + "\n")
	paragraph(&b, "Verdict", s.verdict)
	if s.numbers != nil {
		paragraph(&b, "Numbers as of "+s.numbers.At.String(), strings.Split(strings.TrimRight(table(numbers(*s.numbers)), "\n"), "\n")...)
	}
	paragraph(&b, "Findings", s.findings...)
	paragraph(&b, "Milestones", s.milestones...)
	paragraph(&b, "Done", s.done...)
	if s.readiness != "" {
		paragraph(&b, "Rollback readiness", s.readiness)
	}
	paragraph(&b, "Next", s.next...)
	b.WriteString("\n" + strings.Join(s.context, ", ") + "\n")
	return b.String()
}

// paragraph writes a heading and its lines, or nothing where there are none.
func paragraph(b *strings.Builder, heading string, lines ...string) {
	if len(lines) == 0 {
		return
	}
	b.WriteString("\n" + heading + "\n")
	for _, l := range lines {
		b.WriteString("  " + l + "\n")
	}
}
