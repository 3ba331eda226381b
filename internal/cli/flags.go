package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"
)

func clusterFlags(f *pflag.FlagSet, c *Cluster) {
	f.StringVar(&c.Kubeconfig, "kubeconfig", "", "path of the kubeconfig file")
	f.StringVar(&c.Context, "context", "", "name of the kubeconfig context to use")
	f.StringVarP(&c.Namespace, "namespace", "n", "", "namespace to look in (default: the context's)")
}

// byFlag is for API servers that can't tell who the caller is.
func byFlag(f *pflag.FlagSet, by *string) {
	f.StringVar(by, "by", "", "your name as the API server knows it, where it can't tell (before Kubernetes 1.28)")
}

// output is the value of -o.
type output string

const (
	human    output = ""
	wide     output = "wide"
	jsonForm output = "json"
	yamlForm output = "yaml"
)

func outputFlag(f *pflag.FlagSet, o *output) {
	f.StringVarP((*string)(o), "output", "o", "", "output format: json, yaml or wide")
}

// check refuses what is no output format.
func (o output) check(cmd *cobra.Command) error {
	if known := []output{human, wide, jsonForm, yamlForm}; !slices.Contains(known, o) {
		return usage{cmd.CommandPath(), fmt.Errorf("--output %q: want json, yaml or wide", string(o))}
	}
	return nil
}

// print writes v as JSON or YAML, or what words gives for people.
func (o output) print(w io.Writer, v any, words func() string) error {
	var text []byte
	var err error
	switch o {
	case jsonForm:
		text, err = json.MarshalIndent(v, "", "  ")
		text = append(text, '\n')
	case yamlForm:
		text, err = yaml.Marshal(v)
	default:
		text = []byte(words())
	}
	if err != nil {
		return fmt.Errorf("write the answer as %s: %w", o, err)
	}
	if _, err := w.Write(text); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// examples writes examples for the name that the program was called by.
func examples(name string, lines ...string) string {
	var b strings.Builder
	for _, l := range lines {
		if l != "" {
			b.WriteString("  " + strings.ReplaceAll(l, "NAME", name))
		}
		b.WriteString("\n")
	}
	return strings.TrimRight(b.String(), "\n")
}
