// The names of mount(2) and of the mount API of Linux 5.2 (mount_setattr(2) and its kin). glibc has both in
// one header, beside which the kernel's may not stand; musl has only the first.
#pragma once

#include <sys/mount.h>
#ifndef __GLIBC__
#include <linux/mount.h>
#endif
