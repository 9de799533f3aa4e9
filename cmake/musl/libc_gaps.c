// What Debian's libgcc, libseccomp and libcap want from a C library and musl has not: they were compiled for glibc.
#define _GNU_SOURCE
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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
