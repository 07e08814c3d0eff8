#include "codec/filename.h"

#include "base/attr.h"

static bool is_file_kind(struct span label)
{
	static const char kinds[] = " exe dll doc docx docm xls xlsx xlsm xlsb ppt pptx pptm rtf pdf js jse vbs vbe bat cmd ps1 sys tmp dat "
				    "bin txt log jpg jpeg png gif bmp ico svg php asp aspx jsp html htm css xml json yaml yml csv msi msp "
				    "lnk scr hta jar apk dex elf iso img rar 7z gz tgz tar dmg plist ini cfg conf bak pem crt cer dylib "
				    "ocx cpl drv pdb sct wsf ko ipa chm eml msg db sqlite swf xpi crx vhd wav mp3 mp4 avi enc class tlb nls targets ";
	/* The commonest top-level domains first: this is asked of every name. */
	if (label.n == 3 && (!memcmp(label.p, "com", 3) || !memcmp(label.p, "net", 3) || !memcmp(label.p, "org", 3) ||
			     !memcmp(label.p, "xyz", 3) || !memcmp(label.p, "top", 3)))
		return false;
	if (label.n == 2 && label.p[0] != 'j' && label.p[0] != '7' && label.p[0] != 'g' && label.p[0] != 'd' && label.p[0] != 'k')
		return false;
	char word[10];
	if (label.n + 2 > sizeof(word))
		return false;
	word[0] = word[label.n + 1] = ' ';
	memcpy(word + 1, label.p, label.n);
	return memmem(kinds, sizeof(kinds) - 1, word, label.n + 2) != NULL;
}

bool domain_is_filename(const struct observable *o)
{
	if (o->kind != OBS_DOMAIN)
		return false;
	size_t dot = o->n;
	while (dot && o->key[dot - 1] != '.')
		dot--;
	return is_file_kind((struct span){ o->key + dot, o->n - dot });
}
