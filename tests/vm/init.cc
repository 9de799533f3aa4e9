// PID 1 of the test VM. It builds a root file system (the host's, read-only over virtiofs, under a tmpfs
// overlay), mounts a pure cgroup v2 hierarchy (unless it is told not to), runs one command, writes its exit
// status for tests/vm/run and resets the machine. Statically linked, alone in the initrd with the modules it
// loads; tests/vm/run compiles it. It shares no code with vial, so that a bug of vial's can't break the lane
// that is to find it.
#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr int kNotStarted = 125;  // tests/vm/run's status for "the VM failed"

// What goes wrong here is seen on the console, which tests/vm/run shows when there is no exit status.
void complain(const std::string& what) {
  dprintf(STDERR_FILENO, "vm-init: %s: %s\n", what.c_str(), strerror(errno));
}

// Nothing sensible can be run any more: no status is written, which run takes for a failed VM.
[[noreturn]] void give_up(const std::string& what) {
  complain(what);
  sync();
  reboot(RB_AUTOBOOT);
  for (;;)
    pause();
}

void make_directories(const std::string& path) {
  for (size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1))
    mkdir(path.substr(0, end).c_str(), 0755);
  mkdir(path.c_str(), 0755);
}

bool try_mount(const char* type, const std::string& source, const std::string& target, const char* data = "",
               unsigned long flags = 0) {
  make_directories(target);
  return mount(source.c_str(), target.c_str(), type, flags, data) == 0;
}

void must_mount(const char* type, const std::string& source, const std::string& target, const char* data = "",
                unsigned long flags = 0) {
  if (!try_mount(type, source, target, data, flags)) give_up("mount " + source + " on " + target);
}

std::string read_text(const std::string& path) {
  std::string text;
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return text;
  char buffer[4096];
  for (ssize_t count = read(fd, buffer, sizeof buffer); count > 0; count = read(fd, buffer, sizeof buffer))
    text.append(buffer, static_cast<size_t>(count));
  close(fd);
  return text;
}

bool write_text(const std::string& path, const std::string& text, int flags = 0) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC | flags, 0644);
  if (fd < 0) return false;
  const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  return close(fd) == 0 && written;
}

// The parts of a text, each ended by `separator`; the last one may lack it.
std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  DIR* stream = opendir(directory.c_str());
  if (stream == nullptr) return names;
  while (const dirent* entry = readdir(stream)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  closedir(stream);
  std::sort(names.begin(), names.end());
  return names;
}

void open_console() {
  must_mount("proc", "proc", "/proc");
  must_mount("sysfs", "sysfs", "/sys");
  must_mount("devtmpfs", "dev", "/dev");
  const int console = open("/dev/console", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; ++fd)
    dup2(console, fd);
}

// The file names begin with numbers: the order of their dependencies.
void load_modules() {
  for (const std::string& name : names_in("/modules")) {
    const int fd = open(("/modules/" + name).c_str(), O_RDONLY | O_CLOEXEC);
    if (syscall(SYS_finit_module, fd, "", 0) != 0) complain("load " + name);
    close(fd);
  }
}

// The value of "key=" on the kernel's command line.
std::string argument(const std::string& key) {
  for (const std::string& word : split(read_text("/proc/cmdline"), ' ')) {
    if (word.rfind(key, 0) == 0) return word.substr(key.size(), word.find('\n') - key.size());
  }
  return {};
}

// The directory on the host through which run and this program speak.
std::string exchange_directory() {
  std::string directory = argument("vmdir=");
  if (!directory.empty()) return directory;
  errno = EINVAL;
  give_up("no vmdir= on the command line");
}

void build_root(const std::string& exchange) {
  must_mount("virtiofs", "hostroot", "/host");
  must_mount("tmpfs", "rw", "/rw", "size=90%");
  make_directories("/rw/upper");
  make_directories("/rw/work");
  must_mount("overlay", "root", "/new", "lowerdir=/host,upperdir=/rw/upper,workdir=/rw/work");
  for (const char* name : {"/proc", "/sys", "/dev"})
    must_mount(nullptr, name, std::string("/new") + name, nullptr, MS_MOVE);
  // An overlay can't be the upper layer of another: where tests keep stores there must be a tmpfs.
  for (const std::string& path : split(read_text("/host" + exchange + "/tmpfs"), '\n'))
    must_mount("tmpfs", "tmpfs", "/new" + path, "mode=1777,size=90%");
  for (const std::string& path : split(read_text("/host" + exchange + "/shares"), '\n'))
    must_mount(nullptr, "/host" + path, "/new" + path, nullptr, MS_BIND | MS_REC);
  // Moved by PID 1 itself: kernel threads share its root, so the kernel finds /sbin/modprobe in the new one.
  if (chdir("/new") != 0 || mount(".", "/", nullptr, MS_MOVE, nullptr) != 0 || chroot(".") != 0 ||
      chdir("/") != 0) {
    give_up("move to the new root");
  }
}

void mount_the_rest() {
  must_mount("devpts", "devpts", "/dev/pts", "mode=620,ptmxmode=666,gid=5");
  must_mount("tmpfs", "shm", "/dev/shm", "mode=1777");
  must_mount("mqueue", "mqueue", "/dev/mqueue");
  if (!try_mount("bpf", "bpf", "/sys/fs/bpf")) complain("mount bpf");
  if (!try_mount("securityfs", "securityfs", "/sys/kernel/security")) complain("mount securityfs");
  const char* links[][2] = {{"/proc/self/fd", "/dev/fd"},
                            {"/proc/self/fd/0", "/dev/stdin"},
                            {"/proc/self/fd/1", "/dev/stdout"},
                            {"/proc/self/fd/2", "/dev/stderr"}};
  for (const auto& link : links) {
    if (symlink(link[0], link[1]) != 0 && errno != EEXIST) complain(link[1]);
  }
}

long bpf(int command, union bpf_attr& attributes) {
  return syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

// A device program that allows everything, as a service has that systemd limits.
bool attach_device_program(const std::string& cgroup) {
  const struct bpf_insn program[] = {{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1},
                                     {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  union bpf_attr attributes = {};
  attributes.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attributes.insns = reinterpret_cast<uint64_t>(program);
  attributes.insn_cnt = sizeof program / sizeof program[0];
  attributes.license = reinterpret_cast<uint64_t>("vm");
  const int program_fd = static_cast<int>(bpf(BPF_PROG_LOAD, attributes));
  const int cgroup_fd = open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  attributes = {};
  attributes.target_fd = static_cast<uint32_t>(cgroup_fd);
  attributes.attach_bpf_fd = static_cast<uint32_t>(program_fd);
  attributes.attach_type = BPF_CGROUP_DEVICE;
  attributes.attach_flags = BPF_F_ALLOW_MULTI;
  const bool attached = bpf(BPF_PROG_ATTACH, attributes) == 0;
  close(program_fd);
  close(cgroup_fd);
  return attached;
}

// As systemd leaves it on a pure v2 host: the root gives all controllers to its children, and there is a
// slice with limited services. On a host without any each container would be the first that has a cpuset or a
// device program, and the last, for which the kernel patches its own code (static keys) and qemu translates
// it anew.
void mount_cgroups() {
  if (argument("vmcgroups=") == "none") return;
  must_mount("cgroup2", "cgroup2", "/sys/fs/cgroup", "nsdelegate,memory_recursiveprot");
  std::string controllers = read_text("/sys/fs/cgroup/cgroup.controllers");
  std::replace(controllers.begin(), controllers.end(), '\n', ' ');
  for (const std::string& name : split(controllers, ' ')) {
    if (!write_text("/sys/fs/cgroup/cgroup.subtree_control", "+" + name)) complain("enable " + name);
  }
  make_directories("/sys/fs/cgroup/system.slice");
  if (!attach_device_program("/sys/fs/cgroup/system.slice")) complain("attach a device program");
}

void bring_loopback_up() {
  struct ifreq request = {};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (ioctl(fd, SIOCSIFFLAGS, &request) != 0) complain("bring lo up");
  close(fd);
}

// virtiofsd holds a descriptor for every inode the guest has cached, and its limit may be as low as 20000:
// idle inodes are dropped in time.
void start_inode_watcher() {
  if (fork() != 0) return;
  constexpr long kTooMany = 9000;
  constexpr useconds_t kPause = 200'000;
  for (;; usleep(kPause)) {
    if (std::atol(read_text("/sys/kernel/slab/fuse_inode/objects").c_str()) > kTooMany) {
      write_text("/proc/sys/vm/drop_caches", "2\n");
    }
  }
}

// The serial port that qemu calls "out" or "err".
std::string port_device(const std::string& wanted) {
  for (const std::string& port : names_in("/sys/class/virtio-ports")) {
    if (read_text("/sys/class/virtio-ports/" + port + "/name") == wanted + "\n") return "/dev/" + port;
  }
  errno = ENOENT;
  give_up("no serial port " + wanted);
}

std::vector<char*> pointers(std::vector<std::string>& strings, size_t first) {
  std::vector<char*> result;
  for (size_t i = first; i < strings.size(); ++i)
    result.push_back(strings[i].data());
  result.push_back(nullptr);
  return result;
}

// args[0] is the working directory, the command follows.
[[noreturn]] void run_command(std::vector<std::string> args, std::vector<std::string> environment,
                              const std::string& out, const std::string& err) {
  setsid();
  const int fds[] = {open("/dev/null", O_RDONLY | O_CLOEXEC), open(out.c_str(), O_WRONLY | O_CLOEXEC),
                     open(err.c_str(), O_WRONLY | O_CLOEXEC)};
  for (int fd = 0; fd < 3; ++fd)
    dup2(fds[fd], fd);
  if (args.size() < 2 || chdir(args[0].c_str()) != 0) {
    complain("enter the working directory");
    _exit(kNotStarted);
  }
  std::vector<char*> argv = pointers(args, 1);
  std::vector<char*> envp = pointers(environment, 0);
  environ = envp.data();
  execvp(argv[0], argv.data());
  complain(argv[0]);
  _exit(127);
}

// Reaps orphans, too, until the command itself ends.
int wait_for_command(pid_t pid) {
  int status = 0;
  for (pid_t ended = 0; ended != pid; ended = wait(&status)) {
    if (ended < 0 && errno != EINTR) give_up("wait");
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

int main() {
  open_console();
  load_modules();
  const std::string exchange = exchange_directory();
  build_root(exchange);
  mount_the_rest();
  mount_cgroups();
  sethostname("vm", 2);
  bring_loopback_up();
  const std::string out = port_device("out");
  const std::string err = port_device("err");
  const auto args = split(read_text(exchange + "/args"), '\0');
  const auto environment = split(read_text(exchange + "/env"), '\0');
  start_inode_watcher();
  const pid_t pid = fork();
  if (pid == 0) run_command(args, environment, out, err);
  const int status = wait_for_command(pid);
  if (!write_text(exchange + "/status", std::to_string(status) + "\n", O_CREAT | O_TRUNC))
    give_up("write the status");
  sync();
  reboot(RB_AUTOBOOT);
  give_up("reboot");
}
