package aws

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/lenscap/lenscap"
)

// errTruncated is a listing that ended before its last page could be read.
var errTruncated = errors.New("listing is truncated: the service repeats a page token")

// causes maps API error codes to causes. The codes are the common errors of the
// EC2 API reference ("Error codes for the Amazon EC2 API") and of the other
// services' "Common Errors" pages.
var causes = map[string]lenscap.Cause{
	"UnauthorizedOperation": lenscap.CauseDenied, "AccessDenied": lenscap.CauseDenied,
	"AccessDeniedException": lenscap.CauseDenied, "AuthFailure": lenscap.CauseDenied,
	"NotAuthorized": lenscap.CauseDenied, "UnrecognizedClientException": lenscap.CauseDenied,
	"InvalidClientTokenId": lenscap.CauseDenied, "ExpiredToken": lenscap.CauseDenied,
	"ExpiredTokenException": lenscap.CauseDenied, "SignatureDoesNotMatch": lenscap.CauseDenied,
	"AllAccessDisabled": lenscap.CauseDenied, "KMSAccessDeniedException": lenscap.CauseDenied,
	"Throttling": lenscap.CauseThrottled, "ThrottlingException": lenscap.CauseThrottled,
	"RequestLimitExceeded": lenscap.CauseThrottled, "TooManyRequestsException": lenscap.CauseThrottled,
	"ThrottledException": lenscap.CauseThrottled, "RequestThrottled": lenscap.CauseThrottled,
	"RequestThrottledException": lenscap.CauseThrottled, "SlowDown": lenscap.CauseThrottled,
	"EC2ThrottledException": lenscap.CauseThrottled, "BandwidthLimitExceeded": lenscap.CauseThrottled,
	"OptInRequired": lenscap.CauseDisabled, "RegionDisabledException": lenscap.CauseDisabled,
	"UnsupportedOperation": lenscap.CauseUnsupported, "InvalidAction": lenscap.CauseUnsupported,
	"UnknownOperationException": lenscap.CauseUnsupported, "NotImplemented": lenscap.CauseUnsupported,
	"UnsupportedOperationException": lenscap.CauseUnsupported, "MethodNotAllowed": lenscap.CauseUnsupported,
	"RequestTimeout": lenscap.CauseTimeout, "RequestTimeoutException": lenscap.CauseTimeout,
	"GatewayTimeout": lenscap.CauseTimeout,
}

// causeOf classifies the error of a call. What it does not know is
// [lenscap.CauseError]; nothing is ever "no error".
func causeOf(err error) lenscap.Cause {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		code := api.ErrorCode()
		if c, ok := causes[code]; ok {
			return c
		}
		if strings.Contains(code, "NotFound") || strings.HasPrefix(code, "NoSuch") ||
			code == "ResourceNotFoundException" || code == "ResourceNotFoundFault" {
			return lenscap.CauseVanished
		}
	}
	if resp, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		switch resp.HTTPStatusCode() {
		case http.StatusUnauthorized, http.StatusForbidden:
			return lenscap.CauseDenied
		case http.StatusTooManyRequests, http.StatusServiceUnavailable:
			return lenscap.CauseThrottled
		case http.StatusNotImplemented:
			return lenscap.CauseUnsupported
		case http.StatusRequestTimeout, http.StatusGatewayTimeout:
			return lenscap.CauseTimeout
		}
		if resp.HTTPStatusCode() >= http.StatusInternalServerError {
			return lenscap.CauseError // whatever its body is, the service failed
		}
	}
	var netErr net.Error
	switch {
	case errors.Is(err, errForeignKey):
		return lenscap.CauseDenied
	case errors.Is(err, errTruncated):
		return lenscap.CauseTruncated
	case errors.Is(err, errSilent), errors.Is(err, context.DeadlineExceeded):
		return lenscap.CauseTimeout
	case errors.As(err, &netErr) && netErr.Timeout():
		return lenscap.CauseTimeout
	case malformed(err):
		return lenscap.CauseMalformed
	case errors.As(err, &netErr):
		return lenscap.CauseNetwork
	}
	return lenscap.CauseError
}

// malformed tells whether an answer could not be understood.
func malformed(err error) bool {
	var des *smithy.DeserializationError
	var syn *xml.SyntaxError
	var js *json.SyntaxError
	return errors.Is(err, errMalformed) || errors.As(err, &des) || errors.As(err, &syn) || errors.As(err, &js) ||
		errors.Is(err, io.ErrUnexpectedEOF)
}

// maxMessage bounds what is kept of an error's text, in bytes.
const maxMessage = 300

// messageOf gives the service's own words, bounded.
func messageOf(err error) string {
	msg := err.Error()
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		msg = api.ErrorCode() + ": " + api.ErrorMessage()
	}
	return bounded(msg, maxMessage)
}

// bounded cuts s to at most limit bytes and an ellipsis.
func bounded(s string, limit int) string {
	if len(s) > limit {
		return strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}
