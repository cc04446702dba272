package report_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xeipuuv/gojsonschema"

	"github.com/lenscap/lenscap"
)

// TestSchemaKnowsTheModel holds the schema's enumerations against the model's
// lists, and that jsonl gives lines of the schema's finding.
func TestSchemaKnowsTheModel(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/schema/report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	type property struct {
		Enum []string `json:"enum"`
	}
	var schema struct {
		Definitions map[string]struct {
			Properties map[string]property `json:"properties"`
		} `json:"definitions"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	same(t, schema.Definitions["ref"].Properties["kind"].Enum, lenscap.Kinds())
	same(t, schema.Definitions["exposure"].Properties["verdict"].Enum, lenscap.Verdicts())

	var whole map[string]any
	if err := json.Unmarshal(text, &whole); err != nil {
		t.Fatal(err)
	}
	line := map[string]any{"$ref": "#/definitions/finding", "definitions": whole["definitions"]}
	dec := json.NewDecoder(strings.NewReader(render(t, "jsonl", rich(t))))
	n := 0
	for ; dec.More(); n++ {
		var f any
		if err := dec.Decode(&f); err != nil {
			t.Fatal(err)
		}
		res, err := gojsonschema.Validate(gojsonschema.NewGoLoader(line), gojsonschema.NewGoLoader(f))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range res.Errors() {
			t.Errorf("line %d: %s", n+1, e)
		}
	}
	if n != 6 {
		t.Errorf("%d lines, want 6", n)
	}
}

func same[T ~string](t *testing.T, enum []string, model []T) {
	t.Helper()
	var want []string
	for _, m := range model {
		want = append(want, string(m))
	}
	if d := cmp.Diff(want, enum); d != "" {
		t.Errorf("the schema's enumeration is not the model's (-model +schema):\n%s", d)
	}
}
