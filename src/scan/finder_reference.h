/* The rule of docs/scan.md ("What is found") said in the plainest way, slowly: what the finder is held to by its tests. */
#ifndef SCAN_FINDER_REFERENCE_H
#define SCAN_FINDER_REFERENCE_H

#include "scan/finder.h"

/** As finder_run(), but all findings in one visit. */
void finder_reference(uint32_t kinds, struct span text, finder_visit *visit, void *ctx);

#endif
