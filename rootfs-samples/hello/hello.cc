// The program of the `hello` image: no libc, two system calls. It shows how little a container needs: one
// static file. Built with -nostdlib -ffreestanding by rootfs-samples/make.

namespace {

#if defined(__x86_64__)
constexpr long kWrite = 1;
constexpr long kExit = 231;  // exit_group(2)

long system_call(long number, long a1, const void* a2, unsigned long a3) {
  long result = 0;
  asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a1), "S"(a2), "d"(a3) : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
constexpr long kWrite = 64;
constexpr long kExit = 94;

long system_call(long number, long a1, const void* a2, unsigned long a3) {
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a1;
  register const void* x1 asm("x1") = a2;
  register unsigned long x2 asm("x2") = a3;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
}
#else
#error "write(2) and exit_group(2) of this processor are not known here"
#endif

constexpr char kText[] =
    "\n"
    "Hello from vial!\n"
    "This message shows that your installation works.\n"
    "\n"
    "What happened:\n"
    " 1. vial found the image \"hello\" in its store: one layer with one file, this program.\n"
    " 2. It made a process with namespaces of its own, put it into a cgroup, gave it the image\n"
    "    as its root, and took its privileges away.\n"
    " 3. That process became this program, which wrote this text to your terminal.\n"
    "\n"
    "To see every system call of the way, with its reason:\n"
    " $ vial run --explain hello\n"
    "\n"
    "For something bigger:\n"
    " $ vial run -it busybox sh\n"
    "\n";

}  // namespace

extern "C" [[noreturn]] void _start() {
  constexpr long kStandardOutput = 1;
  const char* next = kText;
  unsigned long left = sizeof kText - 1;
  while (left > 0) {
    const long count = system_call(kWrite, kStandardOutput, next, left);
    if (count <= 0) break;
    next += count;
    left -= static_cast<unsigned long>(count);
  }
  for (;;)
    system_call(kExit, left == 0 ? 0 : 1, nullptr, 0);
}
