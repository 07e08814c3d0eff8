/* Names that are file names: "setup.exe" has the form of a domain and is none. */
#ifndef CODEC_FILENAME_H
#define CODEC_FILENAME_H

#include "codec/observable.h"

/** The last label of a domain is a kind of file and no top-level domain.  False for other kinds. */
bool domain_is_filename(const struct observable *o);

#endif
