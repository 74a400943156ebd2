package cli

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/audittrail/audittrail/audit"
)

// maxLine is how long a line may be to be sent at all, so that the server can say what is wrong with it. A longer one is rejected here.
const maxLine = 1 << 20

// input reads events one by one from a file or standard input: NDJSON or one JSON array, gzip or not, whatever it finds.
type input struct {
	path   string // "-" for standard input
	size   int64  // of the file, compressed or not; -1 where it is not known
	hash   string // of the file; of nothing but this run for standard input
	offset atomic.Int64

	file    io.Closer
	reader  *bufio.Reader
	decoder *json.Decoder // for an array
	line    int
}

// record is one event as it stands in the input.
type record struct {
	line int
	// data is the event's JSON in one line; nil where it is too long.
	data []byte
	// offset is how far the file had been read.
	offset int64
}

// openInput opens a file, or standard input for "-".
func openInput(path string, stdin io.Reader) (*input, error) {
	in := &input{path: path, size: -1}
	source := stdin
	if path == "-" {
		in.hash = hashOfRun()
	} else {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		in.file, source = file, file
		if err := in.measure(file); err != nil {
			return nil, errors.Join(err, file.Close())
		}
	}
	return in, in.detect(source)
}

// measure hashes a file, which is what its ids and its state are bound to. What is not a plain file can be read only once.
func (in *input) measure(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		in.hash = hashOfRun()
		return nil
	}
	in.size = info.Size()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return err
	}
	in.hash = hex.EncodeToString(hash.Sum(nil))
	_, err = file.Seek(0, io.SeekStart)
	return err
}

// hashOfRun stands for the hash of what can be read only once: ids made of it make repeats within the run harmless.
func hashOfRun() string { return uuid.NewString() }

// detect looks at the first bytes.
func (in *input) detect(source io.Reader) error {
	raw := bufio.NewReaderSize(&countingReader{source, &in.offset}, 1<<16)
	magic, err := raw.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	in.reader = raw
	if bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(raw)
		if err != nil {
			return fmt.Errorf("%s begins like gzip but is not: %w", in.path, err)
		}
		in.reader = bufio.NewReaderSize(unzipped, 1<<16)
	}
	for {
		first, _ := in.reader.Peek(1)
		if len(first) == 0 {
			return nil // empty or broken: the first read says so
		}
		switch first[0] {
		case ' ', '\t', '\r', '\n':
			if first[0] == '\n' {
				in.line++
			}
			_, _ = in.reader.Discard(1) // it was peeked at
			continue
		case '[':
			in.decoder = json.NewDecoder(in.reader)
			_, _ = in.decoder.Token() // the bracket
			in.line = 0
		}
		return nil
	}
}

// next returns the next event; io.EOF behind the last. Any other error says where reading broke; what came before it is good.
func (in *input) next() (record, error) {
	var data []byte
	var err error
	if in.decoder != nil {
		data, err = in.nextElement()
	} else {
		data, err = in.nextLine()
	}
	if err != nil {
		if !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%s breaks behind event %d: %w", in.path, in.line, err)
		}
		return record{}, err
	}
	return record{line: in.line, data: data, offset: in.offset.Load()}, nil
}

func (in *input) nextLine() ([]byte, error) {
	for {
		line, tooLong, err := readLine(in.reader)
		if err != nil {
			return nil, err
		}
		in.line++
		if tooLong {
			return nil, nil
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line, nil
		}
	}
}

// readLine reads up to a newline or the end. io.EOF means that there was nothing; a line that breaks off because the
// source broke is not given, as nobody knows how it went on.
func readLine(r *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > maxLine {
			tooLong, line = true, line[:0]
		}
		if !tooLong {
			line = append(line, part...)
		}
		switch {
		case err == nil:
			return line, tooLong, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && (len(line) > 0 || tooLong):
			return line, tooLong, nil
		default:
			return nil, false, err
		}
	}
}

func (in *input) nextElement() ([]byte, error) {
	if !in.decoder.More() {
		if _, err := in.decoder.Token(); err != nil {
			return nil, unexpected(err)
		}
		if _, err := in.decoder.Token(); !errors.Is(err, io.EOF) {
			return nil, errors.New("there is more behind the array")
		}
		return nil, io.EOF
	}
	var raw json.RawMessage
	if err := in.decoder.Decode(&raw); err != nil {
		return nil, unexpected(err)
	}
	in.line++
	if len(raw) > maxLine {
		return nil, nil
	}
	var compact bytes.Buffer
	err := json.Compact(&compact, raw)
	return compact.Bytes(), err
}

// unexpected is an end of the input where the array is still open.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (in *input) Close() error {
	if in.file == nil {
		return nil
	}
	return in.file.Close()
}

type countingReader struct {
	r io.Reader
	n *atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// members of an event that sending may have to touch.
type topLevel struct {
	object    bool
	hasID     bool
	time      string
	timeStart int // of the value in the line, quotes included; 0 where there is none
	timeEnd   int
}

// scanTop looks at an event's own members. What is not a JSON object is left for the server to refuse.
func scanTop(line []byte) topLevel {
	var top topLevel
	decoder := json.NewDecoder(bytes.NewReader(line))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return topLevel{}
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return topLevel{}
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return topLevel{}
		}
		switch key {
		case "id":
			top.hasID = true
		case "time":
			if json.Unmarshal(value, &top.time) == nil {
				top.timeEnd = int(decoder.InputOffset())
				top.timeStart = top.timeEnd - len(value)
			}
		}
	}
	top.object = true
	return top
}

// prepare gives an event without an id one that follows from the file and the line, so that sending it again does not store it again,
// and moves its time by shift.
func prepare(line []byte, number int, hash string, shift time.Duration) []byte {
	top := scanTop(line)
	if !top.object {
		return line
	}
	if at, err := time.Parse(time.RFC3339Nano, top.time); err == nil && shift != 0 && top.timeStart > 0 {
		moved := at.Add(shift).UTC().Format(audit.TimeLayout)
		line = append(append(append([]byte(nil), line[:top.timeStart]...), `"`+moved+`"`...), line[top.timeEnd:]...)
	}
	if top.hasID {
		return line
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", hash, number))
	rest := bytes.TrimLeft(bytes.TrimLeft(line, " \t\r\n")[1:], " \t\r\n")
	comma := ","
	if bytes.HasPrefix(rest, []byte("}")) {
		comma = ""
	}
	return append(fmt.Appendf(nil, `{"id":"file-%s"%s`, hex.EncodeToString(sum[:16]), comma), rest...)
}
