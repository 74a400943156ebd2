package audit

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// linesOf reads a whole file.
func linesOf(t testing.TB, text string) ([]MemberLine, error) {
	t.Helper()
	f, err := OpenMemberFile(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	var lines []MemberLine
	for {
		line, err := f.Next()
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
}

func TestAFileOfMembersIsReadInAnyOrderOfColumns(t *testing.T) {
	lines, err := linesOf(t, "\ufeffName , ID,departments,role\r\n\"Lee, Bob\", u_1 ,Sales; Field ;;,system_admin\r\n\r\nAda,u_2,,\r\n")
	if err != nil || len(lines) != 2 || lines[0].Line != 2 || lines[1].Line != 4 {
		t.Fatalf("lines = %+v, %v", lines, err)
	}
	if got, want := lines[0].Over(Member{}), (Member{ID: "u_1", Name: "Lee, Bob", Departments: []string{"Sales", "Field"}, Role: RoleSystemAdmin, Status: MemberActive}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := lines[1].Over(Member{}); got.Role != RoleMember || got.Departments != nil {
		t.Errorf("a new member without a role: %+v", got)
	}
}

func TestALineChangesOnlyWhatTheFileHasAColumnFor(t *testing.T) {
	before := Member{ID: "u_1", Name: "Ada", Email: "ada@example.com", Phone: "+491701234567", Departments: []string{"Lab"}, Role: RoleCreator, Status: MemberDeactivated, Version: 7}
	lines, err := linesOf(t, "id,name,phone,role,status\nu_1,Ada L,,,\n")
	if err != nil {
		t.Fatal(err)
	}
	want := before
	want.Name, want.Phone = "Ada L", ""
	if got := lines[0].Over(before); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAFileThatIsNotOneOfMembersSaysWhy(t *testing.T) {
	for text, want := range map[string]string{
		"": "is empty", "id,email\n": "no column name", "id,name,salary\n": `"salary"`, "id,name,id\n": "id twice", "\"id,name\n": "cannot be read",
	} {
		_, err := linesOf(t, text)
		if CodeOf(err) != CodeInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestABrokenLineIsNamedAndThoseThatCanBeReadAreRead(t *testing.T) {
	lines, err := linesOf(t, "id,name\nu_1\nu_2,Two\nu_3,T\"hree\nu_4,Four\n")
	if err != nil || len(lines) != 3 {
		t.Fatalf("lines = %+v, %v", lines, err)
	}
	if lines[0].Errors == nil || lines[1].Errors != nil || lines[2].Errors == nil || lines[2].Line != 4 {
		t.Errorf("lines = %+v", lines)
	}
}

func FuzzMemberFile(f *testing.F) {
	for _, seed := range []string{"id,name\nu,n\n", "\ufeffid,name,departments\r\n\"a\"\"b\",\"x\ny\",p;q;;\n", "id,name\n\"", "name;id\n", "id,name,role\n,,\n\xff,\x00,creator\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := linesOf(t, text)
		if err != nil && (CodeOf(err) != CodeInvalid || !utf8.ValidString(err.Error()) && utf8.ValidString(text)) {
			t.Fatalf("%q: %v", text, err)
		}
		last := 0
		for _, line := range lines {
			if line.Line <= last {
				t.Fatalf("%q: line %d behind %d", text, line.Line, last)
			}
			last = line.Line
			m := line.Over(Member{})
			if m.Role == "" || m.Status == "" || m.ID != line.ID() {
				t.Fatalf("%q: %+v", text, m)
			}
			_ = m.Validate()
		}
	})
}
