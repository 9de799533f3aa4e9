// What musl has not, and Debian's libgcc, libseccomp and libcap, which were compiled for glibc, or we want.
#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// _dl_find_object(3) of glibc 2.35, by which libgcc finds the unwind table of a throwing function.
struct dl_find_object {
  unsigned long long flags;
  void* map_start;
  void* map_end;
  struct link_map* link_map;
  void* eh_frame;
  unsigned long long reserved[7];
};

struct search {
  char* address;
  struct dl_find_object* found;
};

// dl_iterate_phdr(3): 1 ends the search.
static int visit(struct dl_phdr_info* info, size_t size, void* data) {
  (void)size;
  struct search* search = data;
  char* eh_frame = NULL;
  int holds = 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)* segment = &info->dlpi_phdr[i];
    char* begin = (char*)info->dlpi_addr + segment->p_vaddr;
    char* end = begin + segment->p_memsz;
    if (segment->p_type == PT_GNU_EH_FRAME) eh_frame = begin;
    if (segment->p_type != PT_LOAD || search->address < begin || search->address >= end) continue;
    holds = 1;
    *search->found = (struct dl_find_object){.map_start = begin, .map_end = end};
  }
  if (!holds || eh_frame == NULL) return 0;
  search->found->eh_frame = eh_frame;
  return 1;
}

int _dl_find_object(void* address, struct dl_find_object* result) {
  struct search search = {address, result};
  return dl_iterate_phdr(visit, &search) == 1 ? 0 : -1;
}

// _FORTIFY_SOURCE's printf family: flag and size are what glibc's compiler knows of the target.
int __snprintf_chk(char* target, size_t length, int flag, size_t size, const char* format, ...) {
  (void)flag;
  if (length > size) abort();
  va_list arguments;
  va_start(arguments, format);
  const int count = vsnprintf(target, length, format, arguments);
  va_end(arguments);
  return count;
}

int __sprintf_chk(char* target, int flag, size_t size, const char* format, ...) {
  (void)flag;
  va_list arguments;
  va_start(arguments, format);
  const int count = vsnprintf(target, size, format, arguments);
  va_end(arguments);
  if (count >= 0 && (size_t)count >= size) abort();
  return count;
}

int __asprintf_chk(char** target, int flag, const char* format, ...) {
  (void)flag;
  va_list arguments;
  va_start(arguments, format);
  const int count = vasprintf(target, format, arguments);
  va_end(arguments);
  return count;
}

int __fprintf_chk(FILE* stream, int flag, const char* format, ...) {
  (void)flag;
  va_list arguments;
  va_start(arguments, format);
  const int count = vfprintf(stream, format, arguments);
  va_end(arguments);
  return count;
}

// strerrordesc_np(3): people and callers know glibc's words for errors, which are those of Go's programs,
// too. These are the ones that musl says differently.
static const char* const descriptions[] = {
    [EIO] = "Input/output error",
    [ECHILD] = "No child processes",
    [ENOMEM] = "Cannot allocate memory",
    [EBUSY] = "Device or resource busy",
    [EXDEV] = "Invalid cross-device link",
    [EMFILE] = "Too many open files",
    [ENOTTY] = "Inappropriate ioctl for device",
    [ESPIPE] = "Illegal seek",
    [EDOM] = "Numerical argument out of domain",
    [ERANGE] = "Numerical result out of range",
    [EDEADLOCK] = "Resource deadlock avoided",
    [ENAMETOOLONG] = "File name too long",
    [ELOOP] = "Too many levels of symbolic links",
    [ECHRNG] = "Channel number out of range",
    [EL2NSYNC] = "Level 2 not synchronized",
    [EL3HLT] = "Level 3 halted",
    [EL3RST] = "Level 3 reset",
    [ELNRNG] = "Link number out of range",
    [EUNATCH] = "Protocol driver not attached",
    [ENOCSI] = "No CSI structure available",
    [EL2HLT] = "Level 2 halted",
    [EBADE] = "Invalid exchange",
    [EBADR] = "Invalid request descriptor",
    [EXFULL] = "Exchange full",
    [ENOANO] = "No anode",
    [EBADRQC] = "Invalid request code",
    [EBADSLT] = "Invalid slot",
    [EBFONT] = "Bad font file format",
    [ETIME] = "Timer expired",
    [ENONET] = "Machine is not on the network",
    [ENOPKG] = "Package not installed",
    [EREMOTE] = "Object is remote",
    [EADV] = "Advertise error",
    [ESRMNT] = "Srmount error",
    [ECOMM] = "Communication error on send",
    [EDOTDOT] = "RFS specific error",
    [EOVERFLOW] = "Value too large for defined data type",
    [ENOTUNIQ] = "Name not unique on network",
    [EREMCHG] = "Remote address changed",
    [ELIBACC] = "Can not access a needed shared library",
    [ELIBBAD] = "Accessing a corrupted shared library",
    [ELIBSCN] = ".lib section in a.out corrupted",
    [ELIBMAX] = "Attempting to link in too many shared libraries",
    [ELIBEXEC] = "Cannot exec a shared library directly",
    [EILSEQ] = "Invalid or incomplete multibyte or wide character",
    [ERESTART] = "Interrupted system call should be restarted",
    [ESTRPIPE] = "Streams pipe error",
    [EUSERS] = "Too many users",
    [ENOTSOCK] = "Socket operation on non-socket",
    [EMSGSIZE] = "Message too long",
    [ENOTSUP] = "Operation not supported",
    [EADDRINUSE] = "Address already in use",
    [EADDRNOTAVAIL] = "Cannot assign requested address",
    [ENETUNREACH] = "Network is unreachable",
    [ENETRESET] = "Network dropped connection on reset",
    [ECONNABORTED] = "Software caused connection abort",
    [EISCONN] = "Transport endpoint is already connected",
    [ENOTCONN] = "Transport endpoint is not connected",
    [ESHUTDOWN] = "Cannot send after transport endpoint shutdown",
    [ETOOMANYREFS] = "Too many references: cannot splice",
    [ETIMEDOUT] = "Connection timed out",
    [EHOSTUNREACH] = "No route to host",
    [EINPROGRESS] = "Operation now in progress",
    [EUCLEAN] = "Structure needs cleaning",
    [ENOTNAM] = "Not a XENIX named type file",
    [ENAVAIL] = "No XENIX semaphores available",
    [EISNAM] = "Is a named type file",
    [EDQUOT] = "Disk quota exceeded",
    [EOWNERDEAD] = "Owner died",
    [ERFKILL] = "Operation not possible due to RF-kill",
    [EHWPOISON] = "Memory page has hardware error",
};

const char* strerrordesc_np(int number) {
  const int is_listed = number > 0 && (size_t)number < sizeof descriptions / sizeof descriptions[0];
  if (is_listed && descriptions[number] != NULL) return descriptions[number];
  return number >= 0 && number <= EHWPOISON ? strerror(number) : NULL;
}
