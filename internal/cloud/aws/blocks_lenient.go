package aws

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/service/ebs"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// maxBlockList bounds the answer of one call that lists blocks, in bytes: a page
// holds at most 10,000 blocks of some 300 bytes each, with two tokens 600.
const maxBlockList = 64 << 20

// quotedNumber is a number that compatible services give as a string.
var quotedNumber = regexp.MustCompile(`"(BlockIndex|BlockSize|VolumeSize|ExpiryTime)"\s*:\s*"(-?[0-9.]+)"`)

// lenient lets the SDK read block lists in which numbers stand in quotation
// marks, as AWS never writes them but compatible services do: the SDK would
// refuse the whole list.
func lenient(o *ebs.Options) {
	o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error {
		return s.Deserialize.Insert(middleware.DeserializeMiddlewareFunc("lenscapLenientNumbers", unquoteNumbers), "OperationDeserializer", middleware.After)
	})
}

func unquoteNumbers(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
	out, meta, err := next.HandleDeserialize(ctx, in)
	resp, ok := out.RawResponse.(*smithyhttp.Response)
	name := middleware.GetOperationName(ctx)
	if err != nil || !ok || name != "ListSnapshotBlocks" && name != "ListChangedBlocks" {
		return out, meta, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBlockList+1))
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return out, meta, fmt.Errorf("read the list of blocks: %w", err)
	}
	if len(body) > maxBlockList {
		return out, meta, fmt.Errorf("read the list of blocks: larger than %d bytes", maxBlockList)
	}
	resp.Body = io.NopCloser(bytes.NewReader(quotedNumber.ReplaceAll(body, []byte(`"$1":$2`))))
	return out, meta, nil
}
