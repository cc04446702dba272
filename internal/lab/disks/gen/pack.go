package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"
)

const (
	blockSize = 512 << 10
	sector    = 512
	start     = 1 << 20 // of the one partition
	magic     = "LCDISK1\n"
)

// pack reads a file system, puts a partition table around it when asked, and
// writes the blocks that are not all zeros.
func pack(fsPath string, size int64, uuid, out string, gpt bool) error {
	fs, err := os.Open(fsPath)
	if err != nil {
		return err
	}
	defer func() { _ = fs.Close() }() // only read
	blocks := make(map[int64][]byte)
	put := func(at int64, data []byte) {
		for len(data) > 0 {
			i, off := at/blockSize, at%blockSize
			if blocks[i] == nil {
				blocks[i] = make([]byte, blockSize)
			}
			n := copy(blocks[i][off:], data)
			at, data = at+int64(n), data[n:]
		}
	}
	offset := int64(0)
	if gpt {
		offset = start
		table(size, uuid, put)
	}
	zero, buf := make([]byte, blockSize), make([]byte, blockSize)
	for at := int64(0); ; at += blockSize {
		n, err := io.ReadFull(fs, buf)
		if n > 0 && !bytes.Equal(buf[:n], zero[:n]) {
			put(offset+at, buf[:n])
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", fsPath, err)
		}
	}
	return writePacked(out, size, blocks)
}

func writePacked(out string, size int64, blocks map[int64][]byte) error {
	var raw bytes.Buffer
	raw.WriteString(magic)
	var body bytes.Buffer
	head := binary.LittleEndian.AppendUint64(nil, uint64(size))
	head = binary.LittleEndian.AppendUint32(head, uint32(len(blocks)))
	for i := range size / blockSize {
		if b := blocks[i]; b != nil {
			head = binary.LittleEndian.AppendUint32(head, uint32(i))
			body.Write(b)
		}
	}
	raw.Write(head)
	raw.Write(body.Bytes())
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	return os.WriteFile(out, enc.EncodeAll(raw.Bytes(), nil), 0o644) //nolint:gosec // a public file of the project
}

// guid writes a UUID as GPT does: the first three fields little-endian.
func guid(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != 16 {
		return make([]byte, 16)
	}
	b[0], b[1], b[2], b[3] = b[3], b[2], b[1], b[0]
	b[4], b[5], b[6], b[7] = b[5], b[4], b[7], b[6]
	return b
}

// table writes a protective MBR and both GPT headers (UEFI 2.10, 5.3) with one
// Linux partition.
func table(size int64, uuid string, put func(int64, []byte)) {
	last := uint64(size/sector - 1)
	mbr := make([]byte, sector)
	mbr[446+2], mbr[446+4], mbr[446+5], mbr[446+6], mbr[446+7] = 2, 0xee, 0xff, 0xff, 0xff
	binary.LittleEndian.PutUint32(mbr[446+8:], 1)
	binary.LittleEndian.PutUint32(mbr[446+12:], uint32(last))
	mbr[510], mbr[511] = 0x55, 0xaa
	put(0, mbr)

	entries := make([]byte, 128*128)
	copy(entries, guid("0fc63daf-8483-4772-8e79-3d69d8477de4"))
	copy(entries[16:], guid(uuid[:35]+"f"))
	binary.LittleEndian.PutUint64(entries[32:], start/sector)
	binary.LittleEndian.PutUint64(entries[40:], uint64(size-1<<20)/sector-1)
	for i, c := range utf16.Encode([]rune("root")) {
		binary.LittleEndian.PutUint16(entries[56+2*i:], c)
	}
	put(2*sector, entries)
	put(int64(last-32)*sector, entries)
	put(sector, header(uuid, 1, last, 2, last, entries))
	put(int64(last)*sector, header(uuid, last, 1, last-32, last, entries))
}

func header(uuid string, own, other, list, last uint64, entries []byte) []byte {
	h := make([]byte, sector)
	copy(h, "EFI PART")
	le := binary.LittleEndian
	le.PutUint32(h[8:], 0x00010000)
	le.PutUint32(h[12:], 92)
	le.PutUint64(h[24:], own)
	le.PutUint64(h[32:], other)
	le.PutUint64(h[40:], 34)
	le.PutUint64(h[48:], last-33)
	copy(h[56:], guid(uuid[:35]+"e"))
	le.PutUint64(h[72:], list)
	le.PutUint32(h[80:], 128)
	le.PutUint32(h[84:], 128)
	le.PutUint32(h[88:], crc32.ChecksumIEEE(entries))
	le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:92]))
	return h
}
