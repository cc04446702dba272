package report_test

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

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

// TestSchemaKnowsEvidence fills every field of what is known of a disk's content
// and holds it against the schema.
func TestSchemaKnowsEvidence(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/schema/report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	delete(schema, "properties")
	delete(schema, "required")
	delete(schema, "type")
	delete(schema, "additionalProperties")
	schema["allOf"] = []any{map[string]any{"$ref": "#/definitions/evidence"}}
	var ev lenscap.Evidence
	fill(reflect.ValueOf(&ev).Elem())
	res, err := gojsonschema.Validate(gojsonschema.NewGoLoader(schema), gojsonschema.NewGoLoader(ev))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range res.Errors() {
		t.Error(e)
	}
	if n := len(ev.Databases[0].Tables[0].Columns[0].Holds); n != 1 {
		t.Errorf("%d holdings were made", n)
	}
}

// words are values of fields whose words are few.
var words = map[string]string{
	"lenscap.Cause": "denied", "lenscap.Aspect": "content", "lenscap.Kind": "disk_snapshot", "lenscap.ItemClass": "secret", "lenscap.Tri": "yes",
	"State": "read", "Class": "os_image",
}

// fill sets every field that is exported to something.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1e9, 0).UTC()))
			return
		}
		for i := range v.NumField() {
			f := v.Field(i)
			if !f.CanSet() {
				continue
			}
			fill(f)
			name := v.Type().Field(i).Name
			switch {
			case v.Type() == reflect.TypeFor[lenscap.Database]() && name == "State":
				f.SetString("recovered")
			case f.Kind() == reflect.String && f.Type() == reflect.TypeFor[string]() && words[name] != "":
				f.SetString(words[name])
			case name == "Class" && f.Kind() == reflect.Slice:
				f.Index(0).SetString(words[name])
			}
		}
	case reflect.String:
		if v.SetString("x"); words[v.Type().String()] != "" {
			v.SetString(words[v.Type().String()])
		}
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Int8:
		v.SetInt(1)
	case reflect.Uint8:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Bool:
		v.SetBool(true)
	}
}
