// libfuse's low-level interface, in the one version that the adapter is written against.
#pragma once

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>
