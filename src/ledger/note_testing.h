/* A signed checkpoint of the eight leaves that Certificate Transparency tests with, for the tests of notes.  The seeds
 * of the keys are 32 octets of 1 (the log), 2 (the witness) and 3 (another key under the log's name); an Ed25519
 * signature of a text is always the same, so anybody can make them again. */
#ifndef LEDGER_NOTE_TESTING_H
#define LEDGER_NOTE_TESTING_H

#define LOG_ORIGIN "log.example/alpha"
#define LOG_TEXT LOG_ORIGIN "\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n"
#define LOG_ROOT "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
#define LOG_VKEY "log.example/alpha+89ac4d19+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"
#define LOG_HEX "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
#define LOG_LINE                                                                                                      \
	"\xe2\x80\x94 log.example/alpha iaxNGWfhOeXaKHbpitoqtz93u6g4LePfMbYXfzGSgJHpbCMAL4Mg28JbQV6YJZBHEtGxoESAbwia" \
	"xXc0yQEZsLUJRQQ=\n"
#define OTHER_VKEY "log.example/alpha+682c0623+Ae1JKMYo0cLG6ukDOJBZlWEpWSc6XGP5NjbBRhSshzfR"
#define OTHER_LINE                                                                                                    \
	"\xe2\x80\x94 log.example/alpha aCwGI6RHUasag8bR70Ra4wRiHNSkUP8Gm3kluZCxZLOrYoTzww5OPLX4d/3d96iVYGixcDDtraZi" \
	"XoxKx7OO844sqQQ=\n"
#define WITNESS_VKEY "witness.example+3176bd45+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU"
/* At 1700000000 and at 1700000100. */
#define WITNESS_LINE                                                                                                  \
	"\xe2\x80\x94 witness.example MXa9RQAAAABlU/EAdA9rkz8c79SnW8/imyi/3BkfTyNPPGRmJYHGvoAPUHU7zOWfBjJBJS+Fj3IqPI" \
	"vpG9Bv+E+DTljm+REf/9LCAA==\n"
#define WITNESS_LATER                                                                                                 \
	"\xe2\x80\x94 witness.example MXa9RQAAAABlU/FkLzYdjugTITE6GSkkpX0uDT6eO2KMT7rxK1z+CeaALnAQgmwAmquo27zxbY+ccJ" \
	"S51QgQfafDFCRujE5OAdoeDg==\n"

#endif
