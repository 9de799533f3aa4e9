// Fd owns one file descriptor. By value it transfers; a parameter `int x_fd` borrows.
#pragma once

#include <utility>

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  explicit operator bool() const { return is_open(); }
  int release() { return std::exchange(fd_, -1); }

  // Closes it; errno stays as it was, so that an error path may destroy descriptors before it reads errno.
  void reset();

 private:
  int fd_ = -1;
};
