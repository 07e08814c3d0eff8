/* Categories.
 *
 * DNS codes follow the spirit of the public lists where they have one for the same thing: 2 general, 4 phishing, 5
 * malware, 6 command and control, 9 netblocks of criminals (Spamhaus SBL, DBL and DROP).  10 and 11 stay free:
 * mail servers take them for policy lists.  A code is never used again for something else.
 *
 * Lifetimes are those of addresses, which change hands within days or weeks; the view stretches them for names and
 * hashes. Speed is the delta of the MISP polynomial: above 10 the score falls early (an infected home connection),
 * below 10 it holds and then drops (rented servers, stolen netblocks).
 */
#include "codec/category.h"

#include "base/attr.h"

const struct category_row category_rows[CAT_COUNT] = {
	[CAT_UNKNOWN] = { "blacklist", 2, 30, 10, "unknown undetermined other unspecified blocklist malicious bad" },
	[CAT_SPAM] = { "spam", 3, 14, 20, "spammer email-spam spam-source unsolicited" },
	[CAT_PHISHING] = { "phishing", 4, 14, 20, "phish spearphishing spear-phishing smishing vishing credential-phishing" },
	[CAT_FRAUD] = { "fraud", 8, 60, 10, "scam financial-fraud scareware skimming fake-shop" },
	[CAT_MALWARE] = { "malware-distribution", 5, 30, 15,
			  "malware malware-download malware-hosting hosting-malware payload payload-delivery payload-installation "
			  "malicious-code ransomware trojan virus worm dropper downloader stealer backdoor" },
	[CAT_C2] = { "c2-server", 6, 45, 5, "c2 cc cnc c&c c&c-server botnet-cc botnet-c2 command-and-control command-control" },
	[CAT_BOTNET] = { "infected-system", 7, 7, 20, "botnet bot bots drone botnet-drone infected zombie" },
	[CAT_DGA] = { "dga-domain", 12, 30, 10, "dga domain-generation-algorithm" },
	[CAT_SCANNER] = { "scanner", 13, 7, 20, "scan scanning port-scan portscan reconnaissance recon mass-scanner" },
	[CAT_BRUTE_FORCE] = { "brute-force", 14, 7, 20, "bruteforce bruteforcer credential-stuffing password-spraying" },
	[CAT_EXPLOIT] = { "exploit", 15, 14, 15, "exploitation exploits exploit-kit ids-alert" },
	[CAT_DDOS] = { "ddos", 16, 3, 20, "dos ddos-participant ddos-amplifier amplification booter" },
	[CAT_PROXY] = { "proxy", 17, 30, 10, "proxies open-proxy vpn anonymization anonymizer socks" },
	[CAT_TOR] = { "tor", 18, 14, 10, "tor-exit tor-node tor-exit-node onion-router" },
	[CAT_HIJACKED] = { "hijacked", 9, 180, 3, "drop edrop hijacked-netblock bulletproof bulletproof-hosting" },
	[CAT_SPYWARE] = { "spyware", 19, 180, 5, "stalkerware surveillance mercenary-spyware targeted-surveillance" },
};

/* Words inside labels, tried in this order: the first that is there decides, so the more telling ones stand first.  A '-' at
 * an end of a word is the end of a word in the label: "-rat-" is not in "operation". */
static const struct {
	enum category category;
	const char *words;
} hints[] = {
	{ CAT_SPYWARE, "spyware stalkerware surveillance mercenary pegasus cytrox candiru finfisher finspy intellexa predator" },
	{ CAT_DGA, "-dga- domain-generation" },
	{ CAT_C2, "-c2- -c2s- -cnc- -c-c- botnet-cc command-and-control command-control -c2server exfiltration -panel-" },
	{ CAT_PHISHING, "phish smishing vishing credential-harvest credential-theft typosquat social-engineering" },
	{ CAT_DDOS, "ddos -dos-attack amplif booter stresser" },
	{ CAT_TOR, "-tor- -tor-exit onion-router" },
	{ CAT_FRAUD, "fraud -scam skimm magecart scareware -carding -fake-shop browser-locker" },
	{ CAT_SPAM, "-spam -malspam" },
	{ CAT_BRUTE_FORCE, "brute -bf- password-spray credential-stuffing" },
	{ CAT_EXPLOIT, "exploit -cve- -rce- -sqli- sql-injection -xss- -ek- web-attack -0day -zero-day" },
	{ CAT_SCANNER, "-scan portscan masscan -recon -prob -sniff crawler" },
	{ CAT_HIJACKED, "hijacked bulletproof -drop- -edrop-" },
	{ CAT_BOTNET, "botnet -bot- -bots- zombie -drone infected sinkhole" },
	{ CAT_MALWARE, "malware malicious-code ransom trojan -rat- remote-access backdoor downloader dropper loader stealer keylog "
		       "-wiper -worm -virus rootkit bootkit webshell web-shell adware payload artifacts-dropped persistence-mechanism "
		       "antivirus-detection -miner cryptomin coinmin -implant -banker -stager -staging -maldoc -infostealer" },
	{ CAT_PROXY, "proxy proxies -vpn- anonymi -socks" },
};

enum { LABEL_MOST = 254 };

static uint8_t folded(uint8_t c)
{
	return c == '_' || c == ' ' ? '-' : ascii_lower(c);
}

/* The next word of a blank-separated list; empty at its end. */
static struct span next_word(const char **list)
{
	const char *p = *list;
	while (*p == ' ')
		p++;
	size_t n = strcspn(p, " ");
	*list = p + n;
	return span_of(p, n);
}

static bool same_name(struct span name, struct span known)
{
	if (name.n != known.n)
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (folded(name.p[i]) != known.p[i])
			return false;
	return true;
}

enum category category_find(struct span name)
{
	for (unsigned c = 0; c < CAT_COUNT; c++) {
		if (same_name(name, span_str(category_rows[c].name)))
			return c;
		const char *list = category_rows[c].aliases;
		for (struct span word; (word = next_word(&list)).n;)
			if (same_name(name, word))
				return c;
	}
	return CAT_COUNT;
}

enum category category_guess(struct span label)
{
	uint8_t text[LABEL_MOST + 2];
	enum category exact = category_find(label);
	if (exact != CAT_COUNT)
		return exact;
	size_t n = 0;
	text[n++] = '-';
	for (size_t i = 0; i < label.n && i < LABEL_MOST; i++) {
		uint8_t c = ascii_lower(label.p[i]);
		text[n++] = (c >= 'a' && c <= 'z') || ascii_digit(c) ? c : '-';
	}
	text[n++] = '-';
	uint64_t there = 0; /* octets of the text modulo 64: most words begin with another */
	for (size_t i = 0; i < n; i++)
		there |= 1ULL << (text[i] & 63);
	for (size_t i = 0; i < COUNT_OF(hints); i++) {
		const char *list = hints[i].words;
		for (struct span word; (word = next_word(&list)).n;)
			if (there >> (word.p[0] & 63) & 1 && memmem(text, n, word.p, word.n))
				return hints[i].category;
	}
	return CAT_UNKNOWN;
}
