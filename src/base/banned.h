/* Functions that do not compile in this project: each has cost somebody a security hole or a locale bug.
 * The build includes this file before every other (-include), after the system headers that declare them. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat strtok strtok_r sprintf vsprintf gets
#pragma GCC poison atoi atol atoll atof strtol strtoul strtoll strtoull sscanf
#pragma GCC poison localtime gmtime ctime asctime mktime tmpnam tempnam mktemp

#endif
