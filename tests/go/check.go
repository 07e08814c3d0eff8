// A lane as it is served over HTTP, checked by a program that shares nothing with ours: the notes and Merkle trees of the Go project.
//
//	check URL-OF-LANE VERIFIER-KEY
//
// Says what it has checked as one line of JSON, or what does not hold.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8
	width  = 1 << height
)

var url string

func must(err error, what string, args ...interface{}) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "check: %s: %v\n", fmt.Sprintf(what, args...), err)
		os.Exit(1)
	}
}

func get(path string) []byte {
	answer, err := http.Get(url + "/" + path)
	must(err, "GET %s", path)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	must(err, "GET %s", path)
	if answer.StatusCode != 200 {
		must(fmt.Errorf("%s: %s", answer.Status, text), "GET %s", path)
	}
	return text
}

// number in groups of three digits, and the width when it is not full.
func place(n int64, w int) string {
	text := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		text = fmt.Sprintf("x%03d/", n%1000) + text
	}
	if w < width {
		text += fmt.Sprintf(".p/%d", w)
	}
	return text
}

// The checkpoint in a signed note.
func open(signed []byte, v note.Verifier) tlog.Tree {
	n, err := note.Open(signed, note.VerifierList(v))
	must(err, "the checkpoint")
	line := strings.Split(n.Text, "\n")
	if len(line) < 4 || line[0] != v.Name() {
		must(fmt.Errorf("%q", n.Text), "the checkpoint is of another log")
	}
	size, err := strconv.ParseInt(line[1], 10, 64)
	must(err, "the size")
	root, err := tlog.ParseHash(line[2])
	must(err, "the root")
	return tlog.Tree{N: size, Hash: root}
}

func entries(size int64) [][]byte {
	var all [][]byte
	for n := int64(0); n*width < size; n++ {
		w := width
		if size-n*width < width {
			w = int(size - n*width)
		}
		bundle := get("tile/entries/" + place(n, w))
		for i := 0; i < w; i++ {
			if len(bundle) < 2 || len(bundle)-2 < int(bundle[0])<<8+int(bundle[1]) {
				must(fmt.Errorf("cut off at entry %d", i), "bundle %d", n)
			}
			octets := int(bundle[0])<<8 + int(bundle[1])
			all = append(all, bundle[2:2+octets])
			bundle = bundle[2+octets:]
		}
		if len(bundle) != 0 {
			must(fmt.Errorf("%d octets too many", len(bundle)), "bundle %d", n)
		}
	}
	return all
}

// Tiles of the lane, each asked for once.
type tiles struct{ kept map[tlog.Tile][]byte }

func (t *tiles) Height() int                                { return height }
func (t *tiles) SaveTiles(which []tlog.Tile, data [][]byte) {}
func (t *tiles) ReadTiles(which []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, one := range which {
		if t.kept[one] == nil {
			t.kept[one] = get(fmt.Sprintf("tile/%d/%s", one.L, place(one.N, one.W)))
		}
		if len(t.kept[one]) != one.W*tlog.HashSize {
			return nil, fmt.Errorf("tile %+v has %d octets", one, len(t.kept[one]))
		}
		all = append(all, t.kept[one])
	}
	return all, nil
}

// Index, inclusion proof and signed checkpoint of a receipt; record and nonce are in the extra line.
func receipt(text []byte) (index int64, path tlog.RecordProof, extra, signed []byte) {
	at := bytes.Index(text, []byte("\n\n"))
	if at < 0 {
		must(fmt.Errorf("%q", text), "the receipt has no checkpoint")
	}
	line := strings.Split(string(text[:at]), "\n")
	if line[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(line[1], "extra ") || !strings.HasPrefix(line[2], "index ") {
		must(fmt.Errorf("%q", text), "the head of the receipt")
	}
	extra, err := base64.StdEncoding.DecodeString(line[1][len("extra "):])
	must(err, "the extra of the receipt")
	index, err = strconv.ParseInt(line[2][len("index "):], 10, 64)
	must(err, "the index of the receipt")
	for _, text := range line[3:] {
		hash, err := tlog.ParseHash(text)
		must(err, "the proof of the receipt")
		path = append(path, hash)
	}
	return index, path, extra, text[at+2:]
}

// Some indexes (or sizes) of a lane: few, and all those where something begins.
func some(size int64) []int64 {
	var all []int64
	for n := int64(0); n < size; n++ {
		if n < 3 || size-n < 3 || n%width < 2 || n%width == width-1 || n%37 == 0 {
			all = append(all, n)
		}
	}
	return all
}

func main() {
	url = os.Args[1]
	v, err := note.NewVerifier(os.Args[2])
	must(err, "the verifier key")
	tree := open(get("checkpoint"), v)
	all := entries(tree.N)

	// The whole tree, computed from the entries.
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var hashes []tlog.Hash
		for _, i := range indexes {
			hashes = append(hashes, stored[i])
		}
		return hashes, nil
	})
	roots := []tlog.Hash{{}}
	for i, entry := range all {
		more, err := tlog.StoredHashesForRecordHash(int64(i), tlog.RecordHash(entry), reader)
		must(err, "entry %d", i)
		stored = append(stored, more...)
		root, err := tlog.TreeHash(int64(i)+1, reader)
		must(err, "root %d", i+1)
		roots = append(roots, root)
	}
	if roots[tree.N] != tree.Hash {
		must(fmt.Errorf("%v, signed is %v", roots[tree.N], tree.Hash), "root of the entries")
	}

	// Proofs out of the tiles, which the reader checks against the signed root.
	served := &tiles{map[tlog.Tile][]byte{}}
	byTiles := tlog.TileHashReader(tree, served)
	counts := map[string]int64{"size": tree.N}
	for _, n := range some(tree.N) {
		inclusion, err := tlog.ProveRecord(tree.N, n, byTiles)
		must(err, "inclusion of %d", n)
		must(tlog.CheckRecord(inclusion, tree.N, tree.Hash, n, tlog.RecordHash(all[n])), "inclusion of %d", n)
		old := n + 1
		consistency, err := tlog.ProveTree(tree.N, old, byTiles)
		must(err, "consistency of %d", old)
		must(tlog.CheckTree(consistency, tree.N, tree.Hash, old, roots[old]), "consistency of %d", old)
		if old < tree.N && tlog.CheckTree(consistency, tree.N, tree.Hash, old, roots[old+1]) == nil {
			must(fmt.Errorf("it holds for another root"), "consistency of %d", old)
		}
		counts["proofs"]++
	}

	// Receipts.
	for _, n := range some(tree.N) {
		index, path, extra, signed := receipt(get(fmt.Sprintf("receipt/%d", n)))
		covers := open(signed, v)
		if index != n || len(extra) < 2 || covers.N > tree.N || covers.Hash != roots[covers.N] {
			must(fmt.Errorf("index %d, size %d, root %v", index, covers.N, covers.Hash), "receipt of %d", n)
		}
		record := extra[2 : 2+int(extra[0])<<8+int(extra[1])]
		must(tlog.CheckRecord(path, covers.N, covers.Hash, n, tlog.RecordHash(record)), "receipt of %d", n)
		if tlog.CheckRecord(path, covers.N, covers.Hash, n, tlog.RecordHash([]byte("another"))) == nil {
			must(fmt.Errorf("it holds for another entry"), "receipt of %d", n)
		}
		counts["receipts"]++
	}

	// Bodies: each is what its entry has the digest of.
	for _, n := range some(tree.N) {
		digest := all[n][32:64]
		if sum := sha256.Sum256(get(fmt.Sprintf("body/%x", digest))); !bytes.Equal(sum[:], digest) {
			must(fmt.Errorf("%x", sum), "body of %d", n)
		}
		counts["bodies"]++
	}
	counts["tiles"] = int64(len(served.kept))
	must(json.NewEncoder(os.Stdout).Encode(counts), "output")
}
