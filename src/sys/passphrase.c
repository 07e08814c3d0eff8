#include "sys/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

void passphrase_wipe(struct passphrase *p)
{
	explicit_bzero(p, sizeof(*p));
}

static enum err read_file(const char *path, struct passphrase *p, struct fault *f)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fault_set(f, errno == ENOENT || errno == EACCES ? ERR_FORBIDDEN : ERR_IO, "passphrase file \"%s\": %s", path, strerror(errno));
	ssize_t n = 0;
	p->n = 0;
	while (p->n < sizeof(p->octets) && (n = read(fd, p->octets + p->n, sizeof(p->octets) - p->n)) > 0)
		p->n += (size_t)n;
	close(fd);
	if (n < 0)
		return fault_set(f, ERR_IO, "passphrase file \"%s\": %s", path, strerror(errno));
	if (p->n && p->octets[p->n - 1] == '\n')
		p->n--;
	if (p->n > PASSPHRASE_MAX)
		return fault_set(f, ERR_RANGE, "passphrase file \"%s\" has more than %d octets", path, PASSPHRASE_MAX);
	return p->n ? OK : fault_set(f, ERR_FORBIDDEN, "passphrase file \"%s\" is empty", path);
}

static void ask(int tty, const char *prompt, struct passphrase *p)
{
	ssize_t n;
	p->n = 0;
	(void)!write(tty, prompt, strlen(prompt));
	while ((n = read(tty, p->octets + p->n, sizeof(p->octets) - p->n)) > 0) {
		p->n += (size_t)n;
		if (p->octets[p->n - 1] == '\n' || p->n == sizeof(p->octets))
			break;
	}
	if (p->n && p->octets[p->n - 1] == '\n')
		p->n--;
	(void)!write(tty, "\n", 1);
}

static enum err from_terminal(bool new, struct passphrase *p, struct fault *f)
{
	struct termios old, silent;
	struct passphrase again = { 0 };
	enum err e = OK;
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (tty < 0 || tcgetattr(tty, &old)) {
		if (tty >= 0)
			close(tty);
		return fault_set(f, ERR_FORBIDDEN, "the key needs a passphrase: give it as systemd credential \"sipar-passphrase\", in a file "
				 "named by SIPAR_PASSPHRASE_FILE, or at a terminal");
	}
	silent = old;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(tty, TCSAFLUSH, &silent);
	ask(tty, new ? "New passphrase of the node's key: " : "Passphrase of the node's key: ", p);
	if (new)
		ask(tty, "Again: ", &again);
	tcsetattr(tty, TCSAFLUSH, &old);
	close(tty);
	if (p->n > PASSPHRASE_MAX)
		e = fault_set(f, ERR_RANGE, "a passphrase has at most %d octets", PASSPHRASE_MAX);
	else if (!p->n)
		e = fault_set(f, ERR_FORBIDDEN, "an empty passphrase protects nothing");
	else if (new && (p->n != again.n || memcmp(p->octets, again.octets, p->n) != 0))
		e = fault_set(f, ERR_FORBIDDEN, "these are two different passphrases");
	passphrase_wipe(&again);
	return e;
}

/* The file that has it, or NULL. */
static const char *find_file(char path[PATH_MAX])
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY"), *file = getenv("SIPAR_PASSPHRASE_FILE");
	if (credentials && snprintf(path, PATH_MAX, "%s/sipar-passphrase", credentials) < PATH_MAX && access(path, F_OK) == 0)
		return path;
	return file && *file ? file : NULL;
}

bool passphrase_unattended(void)
{
	char path[PATH_MAX];
	return find_file(path) != NULL;
}

enum err passphrase_get(bool new, struct passphrase *ret_passphrase, struct fault *f)
{
	char path[PATH_MAX];
	struct passphrase p = { 0 };
	const char *file = find_file(path);
	enum err e = file ? read_file(file, &p, f) : from_terminal(new, &p, f);
	if (e == OK)
		*ret_passphrase = p;
	passphrase_wipe(&p);
	return e;
}
