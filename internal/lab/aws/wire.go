package aws

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
)

// answer is a response in bytes.
type answer struct {
	status int
	header map[string]string
	body   []byte
}

// encode writes what an operation returned as its protocol wants it.
func (s *service) encode(q *Request, result any) (answer, error) {
	if raw, ok := result.(*Raw); ok {
		status := raw.Status
		if status == 0 {
			status = http.StatusOK
		}
		return answer{status, raw.Header, raw.Body}, nil
	}
	var body []byte
	var err error
	contentType := "text/xml;charset=UTF-8"
	switch s.protocol {
	case ec2XML:
		body, err = s.ec2Body(q, result)
	case queryXML:
		body, err = s.queryBody(q, result)
	case restXML:
		if result != nil {
			body, err = xml.Marshal(result)
			body = append([]byte(xml.Header), body...)
		}
	default:
		contentType = "application/x-amz-json-1.1"
		if s.protocol == restJSON {
			contentType = "application/json"
		}
		if result == nil {
			result = struct{}{}
		}
		body, err = json.Marshal(result)
	}
	if err != nil {
		return answer{}, fmt.Errorf("encode %s: %w", q.Operation, err)
	}
	return answer{http.StatusOK, map[string]string{"Content-Type": contentType}, body}, nil
}

// inner gives the elements of a struct without an element around them.
func inner(result any) ([]byte, error) {
	if result == nil {
		return nil, nil
	}
	var b bytes.Buffer
	enc := xml.NewEncoder(&b)
	if err := enc.EncodeElement(result, xml.StartElement{Name: xml.Name{Local: "x"}}); err != nil {
		return nil, err
	}
	out := b.Bytes()
	out = bytes.TrimPrefix(out, []byte("<x>"))
	return bytes.TrimSuffix(out, []byte("</x>")), nil
}

func (s *service) ec2Body(q *Request, result any) ([]byte, error) {
	in, err := inner(result)
	if err != nil {
		return nil, err
	}
	if in == nil {
		in = []byte("<return>true</return>")
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `%s<%sResponse xmlns="%s"><requestId>%s</requestId>`, xml.Header, q.Operation, s.namespace, q.id)
	b.Write(in)
	fmt.Fprintf(&b, "</%sResponse>", q.Operation)
	return b.Bytes(), nil
}

func (s *service) queryBody(q *Request, result any) ([]byte, error) {
	in, err := inner(result)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<%sResponse xmlns="%s">`, q.Operation, s.namespace)
	if in != nil {
		fmt.Fprintf(&b, "<%sResult>%s</%sResult>", q.Operation, in, q.Operation)
	}
	fmt.Fprintf(&b, "<ResponseMetadata><RequestId>%s</RequestId></ResponseMetadata></%sResponse>", q.id, q.Operation)
	return b.Bytes(), nil
}

// refuse writes an error as the protocol wants it.
func (s *service) refuse(err error, requestID string) answer {
	e := asAPIError(err)
	header := map[string]string{"Content-Type": "text/xml;charset=UTF-8"}
	var body []byte
	switch s.protocol {
	case ec2XML:
		body = fmt.Appendf(nil, "%s<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>%s</RequestID></Response>", xml.Header, e.Code, escape(e.Message), requestID)
	case queryXML:
		kind := "Sender"
		if e.Status >= http.StatusInternalServerError {
			kind = "Receiver"
		}
		body = fmt.Appendf(nil, `<ErrorResponse xmlns="%s"><Error><Type>%s</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>%s</RequestId></ErrorResponse>`, s.namespace, kind, e.Code, escape(e.Message), requestID)
	case restXML:
		body = fmt.Appendf(nil, "%s<Error><Code>%s</Code><Message>%s</Message><RequestId>%s</RequestId></Error>", xml.Header, e.Code, escape(e.Message), requestID)
	default:
		header["Content-Type"] = "application/x-amz-json-1.1"
		header["X-Amzn-Errortype"] = e.Code
		body, _ = json.Marshal(map[string]string{"__type": e.Code, "message": e.Message}) // two strings always encode
	}
	return answer{e.Status, header, body}
}

func asAPIError(err error) *apiError {
	if e, ok := errors.AsType[*apiError](err); ok {
		return e
	}
	return fail(http.StatusInternalServerError, "InternalError", "%v", err)
}

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer never fails
	return b.String()
}
