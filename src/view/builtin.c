#include "view/builtin.h"

#include "base/attr.h"
#include "sys/suffix.h"
#include "view/cover.h"

static const struct row {
	const char *what;
	unsigned covers;
	const char *values; /* with blanks between them */
} rows[] = {
	/* https://www.internic.net/domain/named.root; the last line are addresses that some still ask */
	{ "a root server (root-servers.org)", COVER_ALL,
	  "198.41.0.4 170.247.170.2 192.33.4.12 199.7.91.13 192.203.230.10 192.5.5.241 192.112.36.4 198.97.190.53 192.36.148.17 "
	  "192.58.128.30 193.0.14.129 199.7.83.42 202.12.27.33 2001:503:ba3e::2:30 2801:1b8:10::b 2001:500:2::c 2001:500:2d::d "
	  "2001:500:a8::e 2001:500:2f::f 2001:500:12::d0d 2001:500:1::53 2001:7fe::53 2001:503:c27::2:30 2001:7fd::1 2001:500:9f::42 "
	  "2001:dc3::35 root-servers.net "
	  "199.9.14.201 2001:500:200::b" },
	/* the delegation of com and net in the root zone */
	{ "a server of com and net", COVER_ALL,
	  "192.5.6.30 192.33.14.30 192.26.92.30 192.31.80.30 192.12.94.30 192.35.51.30 192.42.93.30 192.54.112.30 192.43.172.30 "
	  "192.48.79.30 192.52.178.30 192.41.162.30 192.55.83.30 2001:503:a83e::2:30 2001:503:231d::2:30 2001:503:83eb::30 "
	  "2001:500:856e::30 2001:502:1ca1::30 2001:503:d414::30 2001:503:eea3::30 2001:502:8cc::30 2001:503:39c1::30 "
	  "2001:502:7094::30 2001:503:d2d::30 2001:500:d937::30 2001:501:b1f9::30 gtld-servers.net" },
	{ "servers of top-level domains and of the address registries", COVER_ALL,
	  "nstld.com afilias-nst.info afilias-nst.org iana-servers.net iana-servers.org icann-servers.net iana.org icann.org "
	  "arin.net ripe.net apnic.net lacnic.net afrinic.net" },
	/* as each operator tells its users */
	{ "a public resolver (Google)", COVER_ALL, "8.8.8.8 8.8.4.4 2001:4860:4860::8888 2001:4860:4860::8844 dns.google" },
	{ "a public resolver (Cloudflare)", COVER_ALL,
	  "1.1.1.0/24 1.0.0.0/24 2606:4700:4700::/48 cloudflare-dns.com one.one.one.one" },
	{ "a public resolver (Quad9)", COVER_ALL,
	  "9.9.9.0/24 149.112.112.0/24 149.112.149.0/24 2620:fe::/48 dns.quad9.net quad9.net" },
	{ "a public resolver (OpenDNS)", COVER_ALL,
	  "208.67.222.0/24 208.67.220.0/24 2620:119:35::/48 2620:119:53::/48 opendns.com" },
	{ "a public resolver (AdGuard)", COVER_ALL,
	  "94.140.14.0/24 94.140.15.0/24 2a10:50c0::ad1:ff 2a10:50c0::ad2:ff 2a10:50c0::1:ff 2a10:50c0::2:ff dns.adguard-dns.com" },
	{ "public time servers", COVER_ALL, "pool.ntp.org time.nist.gov time.google.com time.cloudflare.com time.windows.com time.apple.com" },
	/* https://www.cloudflare.com/ips/ */
	{ "the network of Cloudflare, which many unrelated sites share", COVER_ALL,
	  "173.245.48.0/20 103.21.244.0/22 103.22.200.0/22 103.31.4.0/22 141.101.64.0/18 108.162.192.0/18 190.93.240.0/20 "
	  "188.114.96.0/20 197.234.240.0/22 198.41.128.0/17 162.158.0.0/15 104.16.0.0/13 104.24.0.0/14 172.64.0.0/13 131.0.72.0/22 "
	  "2400:cb00::/32 2606:4700::/32 2803:f800::/32 2405:b500::/32 2405:8100::/32 2a06:98c0::/29 2c0f:f248::/32" },
	/* https://api.fastly.com/public-ip-list */
	{ "the network of Fastly, which many unrelated sites share", COVER_ALL,
	  "23.235.32.0/20 43.249.72.0/22 103.244.50.0/24 103.245.222.0/23 103.245.224.0/24 104.156.80.0/20 140.248.64.0/18 "
	  "140.248.128.0/17 146.75.0.0/17 151.101.0.0/16 157.52.64.0/18 167.82.0.0/17 167.82.128.0/20 167.82.160.0/20 167.82.224.0/20 "
	  "172.111.64.0/18 185.31.16.0/22 199.27.72.0/21 199.232.0.0/16 2a04:4e40::/32 2a04:4e42::/32" },
	/* allocations that ARIN and RIPE have registered for it; it publishes no list */
	{ "the network of Akamai, which many unrelated sites share", COVER_ALL,
	  "2.16.0.0/13 23.0.0.0/12 23.32.0.0/11 23.64.0.0/14 23.72.0.0/13 23.192.0.0/11 72.246.0.0/15 88.221.0.0/16 92.122.0.0/15 "
	  "95.100.0.0/15 96.6.0.0/15 96.16.0.0/15 104.64.0.0/10 118.214.0.0/16 173.222.0.0/15 184.24.0.0/13 184.50.0.0/15 184.84.0.0/14 "
	  "2600:1400::/24 2a02:26f0::/32" },
	/* https://ip-ranges.amazonaws.com/ip-ranges.json, services CLOUDFRONT and S3, the large ones */
	{ "CloudFront or S3 of Amazon, which many unrelated sites share", COVER_ALL,
	  "3.160.0.0/14 3.164.0.0/18 3.168.0.0/14 13.32.0.0/15 13.35.0.0/16 13.224.0.0/14 13.249.0.0/16 18.64.0.0/14 18.154.0.0/15 "
	  "18.160.0.0/15 18.164.0.0/15 18.172.0.0/15 18.238.0.0/15 18.244.0.0/15 52.84.0.0/15 52.216.0.0/15 52.222.128.0/17 "
	  "54.182.0.0/16 54.192.0.0/16 54.230.0.0/16 54.231.0.0/16 54.239.128.0/18 64.252.64.0/18 65.8.0.0/16 65.9.128.0/18 "
	  "70.132.0.0/18 99.84.0.0/16 99.86.0.0/16 108.138.0.0/15 108.156.0.0/14 130.176.0.0/17 143.204.0.0/16 204.246.164.0/22 "
	  "204.246.168.0/22 205.251.192.0/19 216.137.32.0/19" },
	/* https://api.github.com/meta */
	{ "GitHub and the pages of its users", COVER_ALL,
	  "140.82.112.0/20 143.55.64.0/20 185.199.108.0/22 192.30.252.0/22 2606:50c0::/32 2a0a:a440::/29" },
	/* https://www.gstatic.com/ipranges/goog.json; 208.65.152.0/22 is the prefix of 24 February 2008 */
	{ "the network of Google and YouTube", COVER_ALL,
	  "64.233.160.0/19 66.102.0.0/20 66.249.80.0/20 72.14.192.0/18 74.125.0.0/16 108.177.0.0/17 142.250.0.0/15 172.217.0.0/16 "
	  "172.253.0.0/16 173.194.0.0/16 208.65.152.0/22 209.85.128.0/17 216.58.192.0/19 216.239.32.0/19 2001:4860::/32 2404:6800::/32 "
	  "2607:f8b0::/32 2800:3f0::/32 2a00:1450::/32 2c0f:fb50::/32" },
	/* https://learn.microsoft.com/microsoft-365/enterprise/urls-and-ip-address-ranges */
	{ "Microsoft 365 and its sign-in", COVER_ALL,
	  "13.107.6.0/24 13.107.18.0/24 13.107.128.0/22 13.107.136.0/22 20.190.128.0/18 40.92.0.0/15 40.96.0.0/13 40.104.0.0/15 "
	  "40.107.0.0/16 40.126.0.0/18 52.96.0.0/14 52.112.0.0/14 104.47.0.0/17 150.171.32.0/22 204.79.197.0/24 2603:1006::/40 "
	  "2603:1016::/36 2603:1026::/36 2603:1036::/36 2620:1ec::/36" },
	/* https://wikitech.wikimedia.org/wiki/IP_and_AS_allocations */
	{ "the network of Wikimedia", COVER_ALL,
	  "91.198.174.0/24 103.102.166.0/24 185.15.56.0/22 195.200.68.0/24 198.35.26.0/23 208.80.152.0/22 2620:0:860::/46 2a02:ec80::/29" },
	{ "a name that many millions use, with content of many unrelated people", COVER_SELF,
	  "google.com www.google.com accounts.google.com drive.google.com docs.google.com sites.google.com forms.gle "
	  "usercontent.google.com drive.usercontent.google.com googleusercontent.com storage.googleapis.com "
	  "googleapis.com gstatic.com appspot.com web.app firebaseapp.com blogspot.com youtube.com youtu.be gmail.com goo.gl "
	  "github.com api.github.com gist.github.com codeload.github.com githubusercontent.com raw.githubusercontent.com "
	  "gist.githubusercontent.com objects.githubusercontent.com github.io gitlab.com gitlab.io bitbucket.org sourceforge.net "
	  "microsoft.com office.com office365.com live.com outlook.com hotmail.com microsoftonline.com login.microsoftonline.com "
	  "sharepoint.com onedrive.live.com 1drv.ms windowsupdate.com windows.net blob.core.windows.net core.windows.net azureedge.net "
	  "azurewebsites.net cloudapp.net trafficmanager.net aka.ms bing.com skype.com "
	  "apple.com icloud.com me.com mzstatic.com cdn-apple.com aaplimg.com "
	  "amazon.com amazonaws.com s3.amazonaws.com cloudfront.net awsglobalaccelerator.com "
	  "akamai.net akamaized.net akamaiedge.net akamaihd.net edgekey.net edgesuite.net akadns.net fastly.net fastlylb.net "
	  "cloudflare.com cloudflare.net cdnjs.cloudflare.com workers.dev pages.dev r2.dev jsdelivr.net cdn.jsdelivr.net unpkg.com "
	  "facebook.com fbcdn.net fb.com instagram.com whatsapp.com whatsapp.net wa.me twitter.com x.com twimg.com t.co "
	  "linkedin.com lnkd.in telegram.org t.me telegra.ph discord.com discordapp.com cdn.discordapp.com reddit.com tiktok.com "
	  "bit.ly tinyurl.com ow.ly is.gd v.gd cutt.ly rebrand.ly buff.ly shorturl.at rb.gy "
	  "dropbox.com dropboxusercontent.com dl.dropboxusercontent.com mediafire.com mega.nz wetransfer.com pastebin.com archive.org "
	  "web.archive.org wikipedia.org wikimedia.org wordpress.com wixsite.com weebly.com netlify.app vercel.app herokuapp.com "
	  "ipfs.io dweb.link yahoo.com paypal.com zoom.us slack.com adobe.com" },
	{ "updates, certificates or time of many systems", COVER_SELF,
	  "debian.org deb.debian.org security.debian.org ubuntu.com archive.ubuntu.com fedoraproject.org centos.org redhat.com kernel.org "
	  "mozilla.org mozilla.net pypi.org pythonhosted.org npmjs.org registry.npmjs.org crates.io rubygems.org docker.io docker.com "
	  "letsencrypt.org lencr.org digicert.com sectigo.com globalsign.com identrust.com pki.goog usertrust.com ntp.org" },
};

void builtin_each(builtin_visit *visit, void *ctx)
{
	for (const struct row *r = rows; r < rows + COUNT_OF(rows); r++)
		for (struct span rest = span_str(r->values), one; rest.n; rest = span_from(rest, one.n + 1)) {
			one = span_head(rest, span_find(rest, ' '));
			if (one.n)
				visit(ctx, one, r->covers, r->what);
		}
}

/* The first label of the suffixes below which governments have their names. */
static bool says_government(struct span suffix)
{
	static const char *const labels[] = { "gov", "gob", "gouv", "govt", "go", "gv", "gub", "government", "mil" };
	struct span label = span_head(suffix, span_find(suffix, '.'));
	for (size_t i = 0; label.n >= 2 && i < COUNT_OF(labels); i++)
		if (span_is(label, labels[i]))
			return true;
	return false;
}

static const struct special {
	const char *label, *what;
} specials[] = {
	{ "arpa", "a name of the network's own infrastructure (.arpa, RFC 3172)" },
	{ "localhost", "a special-use name (.localhost, RFC 6761)" },
	{ "invalid", "a special-use name (.invalid, RFC 6761)" },
	{ "local", "a special-use name (.local, RFC 6762)" },
	{ "onion", "a special-use name (.onion, RFC 7686)" },
	{ "alt", "a special-use name (.alt, RFC 9476)" },
	{ "internal", "a private name (.internal)" },
};

const char *builtin_name(struct span name)
{
	const uint8_t *dot = name.n ? memrchr(name.p, '.', name.n) : NULL;
	if (!dot)
		return "the root, or a name of one label";
	struct span last = span_from(name, (size_t)(dot - name.p) + 1);
	for (const struct special *s = specials; s < specials + COUNT_OF(specials); s++)
		if (span_is(last, s->label))
			return s->what;
	if (suffix_is_public(name))
		return "a public suffix: unrelated people have names below it (publicsuffix.org)";
	struct span parent = span_from(name, span_find(name, '.') + 1);
	if (says_government(parent) && suffix_is_registry(parent))
		return "the domain of a government's body, and all below it";
	return NULL;
}
