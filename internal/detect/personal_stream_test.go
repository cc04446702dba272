package detect

import "testing"

func TestPersonalStream(t *testing.T) {
	s := personalStream(File{Path: "/srv/people.sql"})
	text := "INSERT INTO users (name, sfzh, password) VALUES ('x', '11010519491231002X', '$2b$12$abcdefghijklmnopqrstuuW8Q1vZzYd4GmJbE5sT6nP7kL9rC3xHu'), ('y', '440524188001010014', '$2b$12$bbcdefghijklmnopqrstuuW8Q1vZzYd4GmJbE5sT6nP7kL9rC3xHu');"
	for i := 0; i < len(text); i += 10 {
		s.Write(int64(i), []byte(text[i:min(len(text), i+10)]))
	}
	hits := s.Close()
	if len(hits) != 2 {
		t.Fatalf("%d hits, want 2", len(hits))
	}
	id, hash := hits[0], hits[1]
	if id.Type != "personal_resident_id" || id.Class != Personal || id.Count != 2 || id.Severity != Low || id.Checked != "yes" || id.Detail != "column users.sfzh" {
		t.Errorf("the numbers: %+v", id)
	}
	if hash.Type != "password_hash" || hash.Class != Secret || hash.Count != 2 || hash.Detail != "column users.password" || hash.Checked != "" {
		t.Errorf("the hashes: %+v", hash)
	}
	for _, h := range hits {
		if h.TitleEn == "" || h.TitleZh == "" || h.Start != 0 || h.End != 0 {
			t.Errorf("%s: %+v", h.Type, h)
		}
	}
}
