// The limits of one container, as the OCI spec has them (runtime-spec config-linux.md "Control groups"), in
// bytes and microseconds. An absent optional writes nothing; -1 means unlimited where the spec says so.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cgroups {

struct Memory {
  std::optional<int64_t> limit_bytes;
  std::optional<int64_t> reservation_bytes;
  std::optional<int64_t> swap_bytes;  // memory + swap together, as on v1; -1 unlimited
  std::optional<uint64_t> swappiness;
  std::optional<bool> disable_oom_killer;
  bool check_before_update = false;
};

struct Cpu {
  std::optional<uint64_t> shares;  // 2..262144
  std::optional<int64_t> quota_us;
  std::optional<uint64_t> period_us;
  std::optional<uint64_t> burst_us;
  std::optional<int64_t> realtime_runtime_us;
  std::optional<uint64_t> realtime_period_us;
  std::optional<int64_t> idle;
  std::string cpus;  // "0-1,3"
  std::string mems;
};

struct BlockIoDevice {
  int64_t major = 0;
  int64_t minor = 0;
  std::optional<uint64_t> weight;
  std::optional<uint64_t> leaf_weight;
  std::optional<uint64_t> rate;  // bytes or operations a second
};

struct BlockIo {
  std::optional<uint64_t> weight;  // 10..1000
  std::optional<uint64_t> leaf_weight;
  std::vector<BlockIoDevice> weight_devices;
  std::vector<BlockIoDevice> read_bps;
  std::vector<BlockIoDevice> write_bps;
  std::vector<BlockIoDevice> read_iops;
  std::vector<BlockIoDevice> write_iops;
};

struct HugepageLimit {
  std::string page_size;  // "2MB"
  uint64_t limit_bytes = 0;
};

struct RdmaLimit {
  std::string device;
  std::optional<uint64_t> hca_handles;
  std::optional<uint64_t> hca_objects;
};

struct NetworkPriority {
  std::string name;
  uint32_t priority = 0;
};

// One rule of the device list; rules apply in order, the last that matches decides.
struct DeviceRule {
  bool allow = false;
  char type = 'a';               // 'a' all, 'b' block, 'c' character
  std::optional<int64_t> major;  // absent: any
  std::optional<int64_t> minor;
  std::string access;  // of "rwm"
};

struct Resources {
  Memory memory;
  Cpu cpu;
  BlockIo block_io;
  std::optional<int64_t> pids_limit;  // <= 0: unlimited
  std::vector<HugepageLimit> hugepages;
  std::vector<RdmaLimit> rdma;
  std::optional<uint32_t> network_class_id;
  std::vector<NetworkPriority> network_priorities;
  std::vector<DeviceRule> devices;
  std::map<std::string, std::string> unified;  // v2 file name -> content
};

}  // namespace cgroups
