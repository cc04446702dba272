package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/lenscap/lenscap"
)

// The JUnit format follows the schema that CI systems agree on (the Jenkins
// xUnit plugin's junit-10.xsd): a test case for each finding and each gap.
type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"timestamp,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name      string     `xml:"name,attr"`
	ClassName string     `xml:"classname,attr"`
	Failure   *junitText `xml:"failure,omitempty"`
	Error     *junitText `xml:"error,omitempty"`
	Skipped   *junitText `xml:"skipped,omitempty"`
}

type junitText struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

func writeJUnit(w io.Writer, in Input) error {
	suite := junitSuite{Name: "lenscap", Time: in.Now.UTC().Format("2006-01-02T15:04:05")}
	for _, f := range in.Findings {
		r := in.rule(f)
		c := junitCase{Name: clean(f.Asset.Ref.String()), ClassName: "lenscap." + f.Rule}
		text := &junitText{Message: clean(in.say(r.Title)), Type: f.Severity.String(), Text: clean(in.say(r.Text) + " " + in.say(r.Remedy))}
		switch f.Status {
		case lenscap.StatusOpen:
			c.Failure = text
			suite.Failures++
		case lenscap.StatusMuted:
			text.Type = ""
			c.Skipped = text
			suite.Skipped++
		case lenscap.StatusResolved:
		}
		suite.Cases = append(suite.Cases, c)
	}
	for _, g := range in.gaps() {
		suite.Errors++
		name := strings.Join([]string{string(g.Gap.Aspect), g.Gap.Call, g.place()}, " ")
		suite.Cases = append(suite.Cases, junitCase{
			Name: clean(name), ClassName: "lenscap.coverage",
			Error: &junitText{
				Message: fmt.Sprintf("%s: %s", in.say(lNotRead), in.say(CauseText(g.Gap.Cause))),
				Type:    string(g.Gap.Cause), Text: clean(g.Gap.Message),
			},
		})
	}
	switch {
	case suite.Errors == 0 && !in.whole():
		suite.Errors++
		suite.Cases = append(suite.Cases, junitCase{
			Name: "run", ClassName: "lenscap.coverage",
			Error: &junitText{Message: in.say(in.coverageText()), Type: string(in.Run.Status)},
		})
	case len(suite.Cases) == 0:
		suite.Cases = append(suite.Cases, junitCase{Name: in.say(lNothing), ClassName: "lenscap.scan"})
	}
	suite.Tests = len(suite.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(junitSuites{Suites: []junitSuite{suite}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
