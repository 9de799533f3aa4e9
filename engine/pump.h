// The monitor's loop: the container's output to the log and to clients, the clients' input to the container,
// until the container's init has ended. One thread, one poll(2).
#pragma once

#include <poll.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "engine/clients.h"
#include "engine/log_writer.h"

namespace engine {

// Our ends. With a console `console` is the pty's master and the others are closed.
struct ContainerStreams {
  Fd in;
  Fd out;
  Fd err;
  Fd console;
  bool close_in_after_client = false;  // stdin ends with the client's (run -i), not with the container
};

inline constexpr int kQuietMs = 200;  // for drain()

class Pump {
 public:
  Pump(ContainerStreams streams, LogWriter& log, Clients& clients);

  // Runs until the process behind `pidfd` has ended. New clients come through `listener_fd`.
  void run(int pidfd, int listener_fd);
  // Takes what is still in the container's pipes, until they are closed or silent for `quiet_ms`.
  void drain(int quiet_ms);
  // Sends what clients still have to get, however long they take; new ones are not let in.
  void finish_clients();

 private:
  void add_entry(int fd, short events);
  short events_of(int fd) const;
  void prepare_entries(int pidfd, int listener_fd);
  void serve_clients(int pidfd);
  void take_frames(Client& client, int pidfd);
  void end_input_of(const Client& client);
  void obey(Client& client, const Frame& frame, int pidfd);
  bool read_stream(Fd& fd, Stream stream);
  void read_streams();
  void write_input();
  Fd& input() { return streams_.console ? streams_.console : streams_.in; }

  ContainerStreams streams_;
  LogWriter& log_;
  Clients& clients_;
  // Our own slave of the console: without one open, a program that closes its stdio would end it for good.
  Fd console_peer_;
  std::vector<pollfd> entries_;
  std::string pending_input_;
  bool input_ends_ = false;
};

}  // namespace engine
