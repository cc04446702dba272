package aws

import (
	"fmt"
	"net/http"
	"strings"
)

// apiError is an answer that refuses.
type apiError struct {
	Status  int
	Code    string
	Message string
}

// Error gives code and message.
func (e *apiError) Error() string { return e.Code + ": " + e.Message }

func fail(status int, code, format string, args ...any) *apiError {
	return &apiError{status, code, fmt.Sprintf(format, args...)}
}

// bad is a refusal of the request itself.
func bad(code, format string, args ...any) *apiError {
	return fail(http.StatusBadRequest, code, format, args...)
}

func (s *service) denied(message string) *apiError {
	switch s.protocol {
	case ec2XML:
		return fail(http.StatusForbidden, "UnauthorizedOperation", "You are not authorized to perform this operation. %s", message)
	case queryXML, restXML:
		return fail(http.StatusForbidden, "AccessDenied", "%s", message)
	case restJSON:
		return fail(http.StatusForbidden, "AccessDeniedException", "%s", message)
	default:
		return bad("AccessDeniedException", "%s", message)
	}
}

func (s *service) throttled() *apiError {
	switch s.protocol {
	case ec2XML:
		return fail(http.StatusServiceUnavailable, "RequestLimitExceeded", "Request limit exceeded.")
	case queryXML:
		return bad("Throttling", "Rate exceeded")
	case restXML:
		return fail(http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
	default:
		return bad("ThrottlingException", "Rate exceeded")
	}
}

// badCredentials is how each protocol refuses keys that it does not know, in a
// region that the account has not enabled among others.
func (s *service) badCredentials() *apiError {
	switch s.protocol {
	case ec2XML:
		return fail(http.StatusUnauthorized, "AuthFailure", "AWS was not able to validate the provided access credentials")
	case queryXML:
		return fail(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
	case restXML:
		return fail(http.StatusForbidden, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
	case restJSON:
		return fail(http.StatusForbidden, "UnrecognizedClientException", "The security token included in the request is invalid.")
	default:
		return bad("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
}

func (s *service) badSignature() *apiError {
	if s.protocol == ec2XML {
		return s.badCredentials()
	}
	code := "SignatureDoesNotMatch"
	if s.protocol == json11 || s.protocol == restJSON {
		code = "InvalidSignatureException"
	}
	return fail(http.StatusForbidden, code, "The request signature we calculated does not match the signature you provided.")
}

func (s *service) unknownOperation(op string) *apiError {
	switch s.protocol {
	case ec2XML, queryXML:
		return bad("InvalidAction", "The action %s is not valid for this web service.", op)
	case restXML:
		return fail(http.StatusNotImplemented, "NotImplemented", "A header you provided implies functionality that is not implemented.")
	default:
		return bad("UnknownOperationException", "The operation %s is not known to this service.", op)
	}
}

// vanished is the "no such object" of an operation: EC2 names the kind.
func (s *service) vanished(op string) *apiError {
	if s.protocol != ec2XML {
		if s.protocol == json11 {
			return bad("NotFoundException", "The object does not exist")
		}
		return fail(http.StatusNotFound, "ResourceNotFoundException", "The object does not exist")
	}
	switch {
	case strings.Contains(op, "Snapshot"):
		return bad("InvalidSnapshot.NotFound", "The snapshot does not exist.")
	case strings.Contains(op, "Fpga"):
		return bad("InvalidFpgaImageID.NotFound", "The image ID does not exist")
	case strings.Contains(op, "Image"):
		return bad("InvalidAMIID.NotFound", "The image id does not exist")
	case strings.Contains(op, "Volume"):
		return bad("InvalidVolume.NotFound", "The volume does not exist.")
	case strings.Contains(op, "Instance"):
		return bad("InvalidInstanceID.NotFound", "The instance ID does not exist")
	default:
		return bad("InvalidParameterValue", "The object does not exist")
	}
}
