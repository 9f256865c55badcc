// Measures the wire over loopback: a server process and a client process, as in use. Prints a table
// of operations and bytes per second and of the CPU time that both processes need per operation.
//
//   weft_wire_bench [SECONDS_PER_LINE]
#include <fcntl.h>
#include <google/protobuf/wrappers.pb.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/log.h"
#include "common/status.h"
#include "common/unique_fd.h"
#include "common/wire/channel.h"
#include "common/wire/server.h"

namespace weft::wire {
namespace {

using google::protobuf::UInt32Value;

enum BenchMethod : uint16_t {
  kReadMemory = 1,  // answers with so many bytes of memory
  kReadFile = 2,    // the same by sendfile
  kWrite = 3,       // takes the payload
  kCpuTime = 4,     // microseconds of CPU time that the server has used
};

constexpr size_t kLargestBytes = 1 << 20;
constexpr size_t kRegions = 64;  // that the reads go round, to be larger than a cache

uint64_t CpuMicroseconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000 + static_cast<uint64_t>(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

class BenchHandler final : public Handler {
 public:
  BenchHandler()
      : memory_(kRegions * kLargestBytes, std::byte{1}),
        file_(::memfd_create("wire_bench", MFD_CLOEXEC)) {
    if (::pwrite(file_.get(), memory_.data(), memory_.size(), 0) !=
        static_cast<ssize_t>(memory_.size())) {
      std::perror("memfd");
      std::exit(1);
    }
  }

  void Handle(const Request& request, Responder& responder) override {
    UInt32Value message;
    if (const absl::Status status = ParseMessage(request, &message); !status.ok()) {
      return responder.Error(status);
    }
    const uint32_t bytes = message.value();
    const size_t offset = next_.fetch_add(1, std::memory_order_relaxed) % kRegions * kLargestBytes;
    switch (request.method) {
      case kReadMemory: {
        const iovec piece{memory_.data() + offset, bytes};
        return responder.Ok(message, std::span(&piece, 1));
      }
      case kReadFile: {
        const FileRange range{.fd = file_.get(), .offset_bytes = offset, .length_bytes = bytes};
        return responder.OkFromFile(message, std::span(&range, 1));
      }
      case kWrite:
        return responder.Ok(message);
      default:
        message.set_value(static_cast<uint32_t>(CpuMicroseconds()));
        return responder.Ok(message);
    }
  }

 private:
  std::vector<std::byte> memory_;
  const UniqueFd file_;
  std::atomic<uint64_t> next_{0};
};

[[noreturn]] void RunServer(int address_pipe) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  BenchHandler handler;
  const auto server = Server::Start({.name = "bench"}, &handler);
  if (!server.ok()) std::exit(1);
  const std::string address = (*server)->address();
  if (::write(address_pipe, address.data(), address.size()) < 0) std::exit(1);
  for (;;) ::pause();
}

void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", MessageOf(status).c_str());
  std::exit(1);
}

struct Case {
  const char* name;
  BenchMethod method;
  uint32_t bytes;
  int callers;
};

uint32_t ServerCpu(Channel& channel) {
  const UInt32Value request;
  UInt32Value reply;
  Must(channel.Call({.method = kCpuTime, .request = &request, .reply = &reply}).status());
  return reply.value();
}

// Calls until told to stop; returns how often.
uint64_t CallOnAndOn(Channel& channel, const Case& what, const std::atomic<bool>& stop) {
  std::vector<std::byte> memory(what.bytes, std::byte{1});
  const iovec piece{memory.data(), memory.size()};
  UInt32Value request;
  request.set_value(what.bytes);
  UInt32Value reply;
  CallSpec spec{.method = what.method, .request = &request, .reply = &reply};
  (what.method == kWrite ? spec.payload : spec.receive) = std::span(&piece, 1);
  uint64_t calls = 0;
  for (; !stop.load(std::memory_order_relaxed); ++calls) Must(channel.Call(spec).status());
  return calls;
}

void Measure(Channel& channel, const Case& what, double seconds) {
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> calls{0};
  std::vector<std::thread> callers;
  const uint32_t server_before = ServerCpu(channel);
  const uint64_t client_before = CpuMicroseconds();
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < what.callers; ++i) {
    callers.emplace_back([&] { calls.fetch_add(CallOnAndOn(channel, what, stop)); });
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop.store(true);
  for (std::thread& caller : callers) caller.join();
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  const auto count = static_cast<double>(calls.load());
  const auto client_cpu = static_cast<double>(CpuMicroseconds() - client_before);
  const auto server_cpu = static_cast<double>(ServerCpu(channel) - server_before);
  std::printf("%-14s %8u %8d %10.0f %8.2f %12.1f %12.1f\n", what.name, what.bytes, what.callers,
              count / time.count(), count * what.bytes / time.count() / 1e9, client_cpu / count,
              server_cpu / count);
  std::fflush(stdout);
}

int Run(double seconds) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) return 1;
  const UniqueFd read_end(fds[0]);
  const UniqueFd write_end(fds[1]);
  const pid_t server = ::fork();
  if (server == 0) RunServer(write_end.get());
  char address[64] = {};
  if (server < 0 || ::read(read_end.get(), address, sizeof(address) - 1) <= 0) return 1;

  const auto channel =
      Channel::Make({.address = address, .identity = {.uuid = "", .name = "bench"}});
  std::printf("%-14s %8s %8s %10s %8s %12s %12s\n", "operation", "bytes", "callers", "op/s", "GB/s",
              "client us/op", "server us/op");
  for (const auto& [name, method] :
       {std::pair("read (memory)", kReadMemory), std::pair("read (file)", kReadFile),
        std::pair("write", kWrite)}) {
    for (const uint32_t bytes : {uint32_t{4096}, uint32_t{1} << 20}) {
      for (const int callers : {1, 4}) {
        Measure(*channel, {name, method, bytes, callers}, seconds);
      }
    }
  }
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
  return 0;
}

}  // namespace
}  // namespace weft::wire

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 2.0;
  return weft::wire::Run(seconds > 0 ? seconds : 2.0);
}
