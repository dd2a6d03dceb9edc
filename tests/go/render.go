// Renders conversations by a Modelfile's TEMPLATE with Go's own text/template, as an Ollama server does.
// Standard input: {"template": "...", "conversations": [{"messages": [{"role", "content", "thinking"}]}]}.
// Standard output: {"rendered": ["..."]} or {"error": "..."}.
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"text/template"
)

type message struct {
	Role     string
	Content  string
	Thinking string
}

// What a template may refer to: the messages one by one, and the system and the prompt on their own.
type conversation struct {
	Messages   []message
	System     string
	Prompt     string
	Response   string
	Thinking   string
	Think      bool
	ThinkLevel string
	IsThinkSet bool
}

type request struct {
	Template      string
	Conversations []conversation
}

func render(asked request) ([]string, error) {
	parsed, err := template.New("").Option("missingkey=zero").Parse(asked.Template)
	if err != nil {
		return nil, err
	}
	rendered := []string{}
	for _, each := range asked.Conversations {
		for _, turn := range each.Messages {
			switch turn.Role {
			case "system":
				each.System = turn.Content
			case "user":
				each.Prompt = turn.Content
			}
		}
		var out bytes.Buffer
		if err := parsed.Execute(&out, each); err != nil {
			return nil, err
		}
		rendered = append(rendered, out.String())
	}
	return rendered, nil
}

func main() {
	var asked request
	answer := map[string]any{}
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		answer["error"] = err.Error()
	} else if rendered, err := render(asked); err != nil {
		answer["error"] = err.Error()
	} else {
		answer["rendered"] = rendered
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer); err != nil {
		os.Exit(1)
	}
}
