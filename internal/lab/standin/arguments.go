package standin

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// arguments are what a method was called with. Those that are JSON (blocks, metadata) are held
// as JSON text, however they were sent.
type arguments map[string]string

// parseArguments reads them from the query of a GET, a form or a JSON object, or returns
// Slack's error code.
func parseArguments(r *http.Request, body []byte) (args arguments, code string) {
	if r.Method == http.MethodGet {
		return formArguments(r.URL.RawQuery)
	}
	header := r.Header.Get("Content-Type")
	if header == "" {
		if len(body) == 0 {
			return arguments{}, ""
		}
		return nil, "missing_post_type"
	}
	media, params, err := mime.ParseMediaType(header)
	if err != nil {
		return nil, "invalid_post_type"
	}
	if charset := strings.ToLower(params["charset"]); charset != "" && charset != "utf-8" && charset != "iso-8859-1" {
		return nil, "invalid_charset"
	}
	switch media {
	case "application/x-www-form-urlencoded":
		return formArguments(string(body))
	case "application/json":
		return jsonArguments(body)
	default:
		return nil, "invalid_post_type"
	}
}

func formArguments(text string) (arguments, string) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, "invalid_form_data"
	}
	args := arguments{}
	for name, all := range values {
		args[name] = all[0]
	}
	return args, ""
}

// jsonArguments leaves out a token: a JSON body may not carry it.
func jsonArguments(body []byte) (arguments, string) {
	var object map[string]json.RawMessage
	if !json.Valid(body) {
		return nil, "invalid_json"
	}
	if err := json.Unmarshal(body, &object); err != nil || object == nil {
		return nil, "json_not_object"
	}
	args := arguments{}
	for name, raw := range object {
		var s string
		switch {
		case name == "token" || string(raw) == "null":
		case json.Unmarshal(raw, &s) == nil:
			args[name] = s
		default:
			args[name] = string(raw)
		}
	}
	return args, ""
}

// flag reads a boolean argument as Slack does: 1 and true are true.
func (a arguments) flag(name string) bool { return a[name] == "1" || a[name] == "true" }
