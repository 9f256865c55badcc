// The adapter under the real kernel: a session that serves a Vfs in memory from this process.
// Skipped where there is no /dev/fuse to use.
#include <dirent.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "client/fuse/session.h"
#include "client/fuse/testing/memory_vfs.h"
#include "client/fuse/virtual_xattrs.h"
#include "common/status.h"
#include "common/unique_fd.h"

namespace weft::fuse {
namespace {

constexpr std::chrono::seconds kDeadline{60};

class MountedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::geteuid(), 0u) << "needs root";
    ASSERT_EQ(::access("/dev/fuse", R_OK | W_OK), 0) << "needs /dev/fuse";
    char directory[] = "/tmp/weft-mounted-test-XXXXXX";
    ASSERT_NE(::mkdtemp(directory), nullptr);
    mount_point_ = directory;
    SessionOptions options;
    options.source = "memory";
    options.mount_point = mount_point_;
    options.mount_flags = {"suid", "dev"};
    auto session = Session::Make(options, &adapter_);
    ASSERT_TRUE(session.ok()) << session.status();
    session_ = std::move(*session);
    vfs_.OnInvalidate([invalidation = session_->invalidation()](InodeId inode) {
      invalidation->Invalidate(inode);
    });
    const absl::Status started = session_->Start();
    ASSERT_TRUE(started.ok()) << started;
  }
  void TearDown() override {
    session_.reset();
    if (!mount_point_.empty()) EXPECT_EQ(::rmdir(mount_point_.c_str()), 0);
  }

  [[nodiscard]] std::string Path(const std::string& name) const {
    return mount_point_ + "/" + name;
  }

  UniqueFd Open(const std::string& name, int flags) {
    UniqueFd file(::open(Path(name).c_str(), flags | O_CLOEXEC, 0644));
    EXPECT_TRUE(file.is_open()) << name << ": " << std::strerror(errno);
    return file;
  }
  void WriteFile(const std::string& name, const std::string& content) {
    std::ofstream file(Path(name), std::ios::binary | std::ios::trunc);
    file << content;
    file.close();
    EXPECT_TRUE(file) << name;
  }
  [[nodiscard]] std::string ReadFile(const std::string& name) const {
    std::ifstream file(Path(name), std::ios::binary);
    EXPECT_TRUE(file) << name;
    return {std::istreambuf_iterator<char>(file), {}};
  }
  struct stat Stat(const std::string& name) {
    struct stat stat = {};
    EXPECT_EQ(::lstat(Path(name).c_str(), &stat), 0) << name << ": " << std::strerror(errno);
    return stat;
  }
  // The kernel releases files after close(2) has returned.
  void ExpectAllReleased() {
    const auto deadline = std::chrono::steady_clock::now() + kDeadline;
    while (vfs_.open_handles() > 0 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(vfs_.open_handles(), 0u);
  }

  MemoryVfs vfs_;
  Adapter adapter_ = {.vfs = vfs_, .timeouts = {}, .mount_json = R"({"pid":7})"};
  std::string mount_point_;
  std::unique_ptr<Session> session_;
};

std::string Pattern(size_t bytes) {
  std::string text(bytes, '\0');
  for (size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i * 131 + i / 4096);
  return text;
}

TEST_F(MountedTest, WritesAndReadsBack) {
  const std::string content = Pattern((3u << 20) + 4711);
  WriteFile("file", content);
  EXPECT_EQ(ReadFile("file"), content);
  EXPECT_EQ(Stat("file").st_size, static_cast<off_t>(content.size()));
  const UniqueFd file = Open("file", O_RDONLY);
  std::string part(100'000, '\0');
  ASSERT_EQ(::pread(file.get(), part.data(), part.size(), 2'000'001),
            static_cast<ssize_t>(part.size()));
  EXPECT_EQ(part, content.substr(2'000'001, part.size()));
  EXPECT_EQ(::pread(file.get(), part.data(), part.size(), 1 << 30), 0);
}

TEST_F(MountedTest, DirectReadsAndWrites) {
  constexpr size_t kBytes = 2u << 20;
  void* const memory = std::aligned_alloc(4096, kBytes);
  const std::string content = Pattern(kBytes);
  std::memcpy(memory, content.data(), kBytes);
  {
    const UniqueFd file = Open("direct", O_RDWR | O_CREAT | O_DIRECT);
    EXPECT_EQ(::pwrite(file.get(), memory, kBytes, 0), static_cast<ssize_t>(kBytes));
    std::memset(memory, 0, kBytes);
    EXPECT_EQ(::pread(file.get(), memory, kBytes, 0), static_cast<ssize_t>(kBytes));
  }
  EXPECT_EQ(std::memcmp(memory, content.data(), kBytes), 0);
  std::free(memory);
  EXPECT_EQ(ReadFile("direct"), content);
}

TEST_F(MountedTest, TruncatingOpenEmptiesTheFile) {
  WriteFile("file", "something");
  EXPECT_EQ(Stat("file").st_size, 9);
  { const UniqueFd file = Open("file", O_WRONLY | O_TRUNC); }
  EXPECT_EQ(Stat("file").st_size, 0);
  EXPECT_EQ(ReadFile("file"), "");
}

TEST_F(MountedTest, AppendsGoToTheEndAsItIsNow) {
  WriteFile("log", "one\n");
  const UniqueFd file = Open("log", O_WRONLY | O_APPEND);
  vfs_.WriteFromElsewhere(InodeId(Stat("log").st_ino), "one\nelsewhere\n");
  ASSERT_EQ(::write(file.get(), "two\n", 4), 4);
  EXPECT_EQ(ReadFile("log"), "one\nelsewhere\ntwo\n");
}

TEST_F(MountedTest, AppendFollowsFcntl) {
  WriteFile("log", "0123456789");
  const UniqueFd file = Open("log", O_WRONLY);
  ASSERT_EQ(::pwrite(file.get(), "ab", 2, 0), 2);
  ASSERT_EQ(::fcntl(file.get(), F_SETFL, O_APPEND), 0);
  ASSERT_EQ(::write(file.get(), "cd", 2), 2);
  ASSERT_EQ(::fcntl(file.get(), F_SETFL, 0), 0);
  ASSERT_EQ(::pwrite(file.get(), "ef", 2, 4), 2);
  EXPECT_EQ(ReadFile("log"), "ab23ef6789cd");
}

TEST_F(MountedTest, AppendsPassByTheKernelsPages) {
  WriteFile("log", "0123456789");
  const UniqueFd file = Open("log", O_RDWR | O_APPEND);
  ASSERT_EQ(::write(file.get(), "ab", 2), 2);
  EXPECT_EQ(ReadFile("log"), "0123456789ab");
  EXPECT_EQ(::mmap(nullptr, 10, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0), MAP_FAILED);
  EXPECT_EQ(errno, ENODEV);
}

TEST_F(MountedTest, MappedPagesOfAnAppendingHandleStayWhereTheyAre) {
  WriteFile("map", std::string(8192, 'a'));
  {
    const UniqueFd file = Open("map", O_RDWR);
    ASSERT_EQ(::fcntl(file.get(), F_SETFL, O_APPEND), 0);
    void* const memory = ::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    ASSERT_NE(memory, MAP_FAILED);
    static_cast<char*>(memory)[100] = 'b';
    static_cast<char*>(memory)[5000] = 'c';
    EXPECT_EQ(::msync(memory, 8192, MS_SYNC), 0);
    ::munmap(memory, 8192);
  }
  const std::string content = ReadFile("map");
  EXPECT_EQ(content.size(), 8192u);
  EXPECT_EQ(content[100], 'b');
  EXPECT_EQ(content[5000], 'c');
}

TEST_F(MountedTest, AnUnlinkedFileLivesUntilItIsClosed) {
  WriteFile("gone", "still here");
  {
    const UniqueFd file = Open("gone", O_RDONLY);
    ASSERT_EQ(::unlink(Path("gone").c_str()), 0);
    EXPECT_EQ(::access(Path("gone").c_str(), F_OK), -1);
    char text[10];
    EXPECT_EQ(::pread(file.get(), text, sizeof(text), 0), 10);
    struct stat stat = {};
    EXPECT_EQ(::fstat(file.get(), &stat), 0);
    EXPECT_EQ(stat.st_nlink, 0u);
  }
  ExpectAllReleased();
}

TEST_F(MountedTest, NamesMoveLinkAndVanish) {
  WriteFile("a", "A");
  WriteFile("b", "B");
  ASSERT_EQ(::mkdir(Path("d").c_str(), 0700), 0);
  EXPECT_EQ(::renameat2(AT_FDCWD, Path("a").c_str(), AT_FDCWD, Path("b").c_str(), RENAME_NOREPLACE),
            -1);
  EXPECT_EQ(errno, EEXIST);
  EXPECT_EQ(::renameat2(AT_FDCWD, Path("a").c_str(), AT_FDCWD, Path("b").c_str(), RENAME_EXCHANGE),
            0);
  EXPECT_EQ(ReadFile("a"), "B");
  EXPECT_EQ(::rename(Path("a").c_str(), Path("d/a").c_str()), 0);
  EXPECT_EQ(ReadFile("d/a"), "B");
  EXPECT_EQ(::link(Path("b").c_str(), Path("d/b2").c_str()), 0);
  EXPECT_EQ(Stat("b").st_nlink, 2u);
  EXPECT_EQ(Stat("b").st_ino, Stat("d/b2").st_ino);
  EXPECT_EQ(::rmdir(Path("d").c_str()), -1);
  EXPECT_EQ(errno, ENOTEMPTY);
  EXPECT_EQ(::unlink(Path("d").c_str()), -1);
  EXPECT_EQ(errno, EISDIR);
  EXPECT_EQ(::symlink("d/b2", Path("s").c_str()), 0);
  EXPECT_EQ(ReadFile("s"), "A");
  EXPECT_EQ(std::filesystem::read_symlink(Path("s")), "d/b2");
  EXPECT_EQ(::access(Path("missing").c_str(), F_OK), -1);
  EXPECT_EQ(errno, ENOENT);
  WriteFile("missing", "not any more");
  EXPECT_EQ(ReadFile("missing"), "not any more");
}

TEST_F(MountedTest, SpecialFilesKeepTypeAndNumber) {
  ASSERT_EQ(::mknod(Path("null").c_str(), S_IFCHR | 0666, makedev(1, 3)), 0);
  ASSERT_EQ(::mkfifo(Path("fifo").c_str(), 0600), 0);
  EXPECT_TRUE(S_ISCHR(Stat("null").st_mode));
  EXPECT_EQ(Stat("null").st_rdev, makedev(1, 3));
  EXPECT_TRUE(S_ISFIFO(Stat("fifo").st_mode));
}

TEST_F(MountedTest, AttributesChange) {
  const mode_t old_umask = ::umask(027);
  WriteFile("file", "0123456789");
  ::umask(old_umask);
  EXPECT_EQ(Stat("file").st_mode & 07777, 0640u);
  ASSERT_EQ(::chmod(Path("file").c_str(), 04711), 0);
  EXPECT_EQ(Stat("file").st_mode & 07777, 04711u);
  ASSERT_EQ(::chown(Path("file").c_str(), 12, 34), 0);
  EXPECT_EQ(Stat("file").st_uid, 12u);
  EXPECT_EQ(Stat("file").st_gid, 34u);
  ASSERT_EQ(::truncate(Path("file").c_str(), 4), 0);
  EXPECT_EQ(ReadFile("file"), "0123");
  const timespec times[2] = {{.tv_sec = 1, .tv_nsec = 5}, {.tv_sec = -7, .tv_nsec = 999'999'999}};
  ASSERT_EQ(::utimensat(AT_FDCWD, Path("file").c_str(), times, 0), 0);
  EXPECT_EQ(Stat("file").st_atim.tv_nsec, 5);
  EXPECT_EQ(Stat("file").st_mtim.tv_sec, -7);
  EXPECT_EQ(Stat("file").st_mtim.tv_nsec, 999'999'999);
  ASSERT_EQ(::utimensat(AT_FDCWD, Path("file").c_str(), nullptr, 0), 0);
  EXPECT_GT(Stat("file").st_mtim.tv_sec, 1'000'000'000);
}

TEST_F(MountedTest, WritingDropsSetuid) {
  WriteFile("file", "x");
  ASSERT_EQ(::chown(Path("file").c_str(), 1000, 1000), 0);
  ASSERT_EQ(::chmod(Path("file").c_str(), 04755), 0);
  ASSERT_EQ(::chown(Path("file").c_str(), 1001, 1001), 0);
  EXPECT_EQ(Stat("file").st_mode & 07777, 0755u);
}

std::set<std::string> List(const std::string& path) {
  std::set<std::string> names;
  DIR* const directory = ::opendir(path.c_str());
  if (directory == nullptr) return names;
  while (const dirent* const entry = ::readdir(directory)) {
    EXPECT_TRUE(names.insert(entry->d_name).second) << entry->d_name << " came twice";
  }
  ::closedir(directory);
  return names;
}

void MakeFiles(MemoryVfs& vfs, int count) {
  for (int i = 0; i < count; ++i) {
    const std::string name = "a-name-of-some-length-" + std::to_string(100'000 + i);
    ASSERT_TRUE(vfs.MakeNode({}, kRootInode, name, proto::REGULAR, 0644, 0, {}).ok());
  }
}

TEST_F(MountedTest, ListsALargeDirectoryOnce) {
  MakeFiles(vfs_, 5000);
  EXPECT_EQ(List(mount_point_).size(), 5002u);
  // With attributes, as ls -l asks for them.
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(mount_point_)) {
    struct stat stat = {};
    EXPECT_EQ(::lstat(entry.path().c_str(), &stat), 0);
    files += S_ISREG(stat.st_mode) ? 1 : 0;
  }
  EXPECT_EQ(files, 5000u);
}

TEST_F(MountedTest, RemovesWhileListing) {
  MakeFiles(vfs_, 5000);
  DIR* const directory = ::opendir(mount_point_.c_str());
  ASSERT_NE(directory, nullptr);
  int removed = 0;
  while (const dirent* const entry = ::readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    EXPECT_EQ(::unlinkat(::dirfd(directory), entry->d_name, 0), 0) << entry->d_name;
    ++removed;
  }
  ::closedir(directory);
  EXPECT_EQ(removed, 5000);
  EXPECT_EQ(List(mount_point_).size(), 2u);
}

TEST_F(MountedTest, SeeksInADirectory) {
  MakeFiles(vfs_, 3000);
  DIR* const directory = ::opendir(mount_point_.c_str());
  ASSERT_NE(directory, nullptr);
  std::vector<std::pair<long, std::string>> marks;  // a position and what follows it
  for (int i = 0;; ++i) {
    const long position = ::telldir(directory);
    const dirent* const entry = ::readdir(directory);
    if (entry == nullptr) break;
    if (i % 101 == 0) marks.emplace_back(position, entry->d_name);
  }
  for (auto mark = marks.rbegin(); mark != marks.rend(); ++mark) {
    ::seekdir(directory, mark->first);
    const dirent* const entry = ::readdir(directory);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->d_name, mark->second);
  }
  ::rewinddir(directory);
  size_t count = 0;
  while (::readdir(directory) != nullptr) ++count;
  EXPECT_EQ(count, 3002u);
  ::closedir(directory);
}

TEST_F(MountedTest, ExtendedAttributes) {
  WriteFile("file", "x");
  const std::string path = Path("file");
  ASSERT_EQ(::setxattr(path.c_str(), "user.color", "blue", 4, XATTR_CREATE), 0);
  EXPECT_EQ(::setxattr(path.c_str(), "user.color", "red", 3, XATTR_CREATE), -1);
  EXPECT_EQ(errno, EEXIST);
  EXPECT_EQ(::setxattr(path.c_str(), "user.taste", "red", 3, XATTR_REPLACE), -1);
  EXPECT_EQ(errno, ENODATA);
  EXPECT_EQ(::getxattr(path.c_str(), "user.color", nullptr, 0), 4);
  char value[64] = {};
  EXPECT_EQ(::getxattr(path.c_str(), "user.color", value, 3), -1);
  EXPECT_EQ(errno, ERANGE);
  EXPECT_EQ(::getxattr(path.c_str(), "user.color", value, sizeof(value)), 4);
  EXPECT_STREQ(value, "blue");
  char names[64] = {};
  EXPECT_EQ(::listxattr(path.c_str(), nullptr, 0), 11);
  EXPECT_EQ(::listxattr(path.c_str(), names, sizeof(names)), 11);
  EXPECT_STREQ(names, "user.color");
  EXPECT_EQ(::removexattr(path.c_str(), "user.color"), 0);
  EXPECT_EQ(::getxattr(path.c_str(), "user.color", value, sizeof(value)), -1);
  EXPECT_EQ(errno, ENODATA);
  EXPECT_EQ(::setxattr(path.c_str(), "system.other", "x", 1, 0), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
}

TEST_F(MountedTest, AsksTheMountAboutItself) {
  char value[1024] = {};
  ASSERT_GT(::getxattr(mount_point_.c_str(), kMountXattr, value, sizeof(value)), 0);
  EXPECT_STREQ(value, adapter_.mount_json.c_str());
  const std::string layout = R"({"width": 5})";
  ASSERT_EQ(::setxattr(mount_point_.c_str(), kLayoutXattr, layout.data(), layout.size(), 0), 0);
  std::memset(value, 0, sizeof(value));
  ASSERT_GT(::getxattr(mount_point_.c_str(), kLayoutXattr, value, sizeof(value)), 0);
  EXPECT_THAT(value, ::testing::HasSubstr("\"width\":5"));
  EXPECT_EQ(::listxattr(mount_point_.c_str(), nullptr, 0), 0);
}

TEST_F(MountedTest, Space) {
  struct statvfs stat = {};
  ASSERT_EQ(::statvfs(mount_point_.c_str(), &stat), 0);
  EXPECT_EQ(stat.f_blocks * stat.f_frsize, uint64_t{1} << 40);
  EXPECT_EQ(stat.f_bavail * stat.f_frsize, uint64_t{1} << 39);
  EXPECT_EQ(stat.f_files, 1007u);
  EXPECT_EQ(stat.f_namemax, 255u);
}

TEST_F(MountedTest, SeeksDataAndHoles) {
  WriteFile("file", "0123456789");
  const UniqueFd file = Open("file", O_RDWR);
  EXPECT_EQ(::lseek(file.get(), 3, SEEK_DATA), 3);
  EXPECT_EQ(::lseek(file.get(), 3, SEEK_HOLE), 10);
  EXPECT_EQ(::lseek(file.get(), 10, SEEK_DATA), -1);
  EXPECT_EQ(errno, ENXIO);
  EXPECT_EQ(::lseek(file.get(), 11, SEEK_HOLE), -1);
  EXPECT_EQ(errno, ENXIO);
  EXPECT_EQ(::fallocate(file.get(), 0, 0, 20), 0);
  EXPECT_EQ(Stat("file").st_size, 20);
  EXPECT_EQ(::fallocate(file.get(), FALLOC_FL_COLLAPSE_RANGE, 0, 10), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
}

TEST_F(MountedTest, CopiesWithoutItsOwnCopyRange) {
  const std::string content = Pattern(300'000);
  WriteFile("from", content);
  const UniqueFd from = Open("from", O_RDONLY);
  const UniqueFd to = Open("to", O_WRONLY | O_CREAT);
  size_t copied = 0;
  while (copied < content.size()) {
    const ssize_t part =
        ::copy_file_range(from.get(), nullptr, to.get(), nullptr, content.size() - copied, 0);
    ASSERT_GT(part, 0) << std::strerror(errno);
    copied += static_cast<size_t>(part);
  }
  EXPECT_EQ(ReadFile("to"), content);
}

TEST_F(MountedTest, LocksAreAskedOfTheVfs) {
  WriteFile("file", "x");
  const UniqueFd one = Open("file", O_RDWR);
  const UniqueFd two = Open("file", O_RDWR);
  EXPECT_EQ(::flock(one.get(), LOCK_EX | LOCK_NB), 0);
  EXPECT_EQ(::flock(two.get(), LOCK_SH | LOCK_NB), -1);
  EXPECT_EQ(errno, EWOULDBLOCK);
  struct flock range = {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = 100;
  range.l_len = 50;
  EXPECT_EQ(::fcntl(one.get(), F_OFD_SETLK, &range), 0);
  EXPECT_EQ(::fcntl(two.get(), F_OFD_SETLK, &range), -1);
  EXPECT_EQ(errno, EAGAIN);
  range.l_start = 0;
  range.l_len = 0;
  ASSERT_EQ(::fcntl(two.get(), F_OFD_GETLK, &range), 0);
  EXPECT_EQ(range.l_type, F_WRLCK);
  EXPECT_EQ(range.l_start, 100);
  EXPECT_EQ(range.l_len, 50);
  // Those of the process go when it closes any descriptor, also one that only reads.
  range = {};
  range.l_type = F_WRLCK;
  range.l_len = 10;
  EXPECT_EQ(::fcntl(one.get(), F_SETLK, &range), 0);
  EXPECT_EQ(::fcntl(two.get(), F_OFD_SETLK, &range), -1);
  { const UniqueFd reader = Open("file", O_RDONLY); }
  EXPECT_EQ(::fcntl(two.get(), F_OFD_SETLK, &range), 0);
}

// Waits for an exclusive flock on a thread of its own, and gives it up.
class FlockWaiter {
 public:
  explicit FlockWaiter(int fd)
      : thread_([this, fd] {
          error_ = ::flock(fd, LOCK_EX) == 0 ? 0 : errno;
          if (error_ == 0) ::flock(fd, LOCK_UN);
        }) {}
  void Interrupt() { ::pthread_kill(thread_.native_handle(), SIGUSR2); }
  int Join() {
    thread_.join();
    return error_;
  }

 private:
  int error_ = -1;
  std::thread thread_;
};

void TakeSignal(int number) {
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  ::sigaction(number, &action, nullptr);
}

TEST_F(MountedTest, WaitsForLocksTakeNoThreads) {
  WriteFile("file", "x");
  UniqueFd holder = Open("file", O_RDWR);
  ASSERT_EQ(::flock(holder.get(), LOCK_EX), 0);
  constexpr size_t kWaiters = 80;  // more than the session has threads
  std::vector<UniqueFd> files;
  std::deque<FlockWaiter> waiters;
  for (size_t i = 0; i < kWaiters; ++i) {
    files.push_back(Open("file", O_RDWR));
    waiters.emplace_back(files.back().get());
  }
  while (vfs_.lock_waits() < kWaiters) std::this_thread::yield();
  EXPECT_EQ(ReadFile("file"), "x");  // others are served
  TakeSignal(SIGUSR2);
  waiters.front().Interrupt();
  EXPECT_EQ(waiters.front().Join(), EINTR);
  waiters.pop_front();
  holder = UniqueFd();
  for (FlockWaiter& waiter : waiters) EXPECT_EQ(waiter.Join(), 0);
  files.clear();
  ExpectAllReleased();
}

TEST_F(MountedTest, WaitsForLocksEndWithTheMount) {
  WriteFile("file", "x");
  const UniqueFd holder = Open("file", O_RDWR);
  const UniqueFd file = Open("file", O_RDWR);
  ASSERT_EQ(::flock(holder.get(), LOCK_EX), 0);
  FlockWaiter waiter(file.get());
  while (vfs_.lock_waits() == 0) std::this_thread::yield();
  session_.reset();
  EXPECT_NE(waiter.Join(), 0);
}

class LocalLocksTest : public MountedTest {
 protected:
  LocalLocksTest() { adapter_.locks = LockScope::kLocal; }
};

TEST_F(LocalLocksTest, AreTheKernelsOwn) {
  WriteFile("file", "x");
  const UniqueFd one = Open("file", O_RDWR);
  const UniqueFd two = Open("file", O_RDWR);
  EXPECT_EQ(::flock(one.get(), LOCK_EX | LOCK_NB), 0);
  EXPECT_EQ(::flock(two.get(), LOCK_EX | LOCK_NB), -1);
  EXPECT_EQ(errno, EWOULDBLOCK);
  struct flock range = {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  EXPECT_EQ(::fcntl(one.get(), F_OFD_SETLK, &range), 0);
  EXPECT_EQ(::fcntl(two.get(), F_OFD_SETLK, &range), -1);
  FlockWaiter waiter(two.get());
  EXPECT_EQ(::flock(one.get(), LOCK_UN), 0);
  EXPECT_EQ(waiter.Join(), 0);
  EXPECT_EQ(vfs_.lock_waits(), 0u);
}

TEST_F(MountedTest, InvalidationDropsCachedPages) {
  WriteFile("file", "old old");
  const UniqueFd file = Open("file", O_RDONLY);
  char text[8] = {};
  ASSERT_EQ(::pread(file.get(), text, 7, 0), 7);
  vfs_.WriteFromElsewhere(InodeId(Stat("file").st_ino), "new new");
  ASSERT_EQ(::pread(file.get(), text, 7, 0), 7);
  EXPECT_STREQ(text, "new new");
}

TEST_F(MountedTest, ManyThreadsAtOnce) {
  constexpr int kThreads = 16;
  constexpr int kFilesEach = 40;
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kFilesEach; ++i) {
        const std::string name = "t" + std::to_string(t) + "-" + std::to_string(i);
        const std::string content = Pattern(static_cast<size_t>(1 + i * 1000));
        WriteFile(name, content);
        if (ReadFile(name) == content && ::unlink(Path(name).c_str()) == 0) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, kThreads * kFilesEach);
  ExpectAllReleased();
}

TEST_F(MountedTest, EndsWhenUnmountedFromOutside) {
  WriteFile("file", "x");
  ASSERT_EQ(::umount2(mount_point_.c_str(), 0), 0);
  session_->WaitForEnd();
  EXPECT_EQ(::access(Path("file").c_str(), F_OK), -1);
}

TEST_F(MountedTest, UnmountEndsAlsoABusyMount) {
  WriteFile("file", "x");
  const UniqueFd file = Open("file", O_RDWR);
  const absl::Status status = session_->Unmount();
  EXPECT_TRUE(status.ok()) << status;
  session_->WaitForEnd();
  session_.reset();
  EXPECT_EQ(::write(file.get(), "y", 1), -1);
}

TEST_F(MountedTest, UnmountWritesMappedPagesFirst) {
  WriteFile("map", std::string(4096, 'a'));
  const InodeId inode(Stat("map").st_ino);
  const UniqueFd file = Open("map", O_RDWR);
  void* const memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  ASSERT_NE(memory, MAP_FAILED);
  static_cast<char*>(memory)[10] = 'b';
  EXPECT_TRUE(session_->Unmount().ok());
  session_->WaitForEnd();
  session_.reset();  // until then, calls on what is still open wait
  ::munmap(memory, 4096);
  const auto opened = vfs_.Open({}, inode, {});
  ASSERT_TRUE(opened.ok());
  const auto bytes = vfs_.Read(opened->handle, 10, 1);
  ASSERT_TRUE(bytes.ok() && bytes->size_bytes == 1);
  std::string read;
  for (const iovec& piece : bytes->pieces) {
    read.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  }
  EXPECT_EQ(read, "b");
}

TEST_F(MountedTest, UnmountEndsADetachedMount) {
  WriteFile("file", "x");
  const UniqueFd file = Open("file", O_RDWR);
  ASSERT_EQ(::umount2(mount_point_.c_str(), MNT_DETACH), 0);
  EXPECT_EQ(::write(file.get(), "y", 1), 1);  // still served
  EXPECT_TRUE(session_->Unmount().ok());
  session_->WaitForEnd();
  session_.reset();
  EXPECT_EQ(::write(file.get(), "z", 1), -1);
}

TEST(SessionTest, UnknownMountFlagsAreRefused) {
  MemoryVfs vfs;
  Adapter adapter = {.vfs = vfs, .timeouts = {}, .mount_json = "{}"};
  SessionOptions options;
  options.source = "memory";
  options.mount_point = "/nowhere";
  options.mount_flags = {"no_such_flag"};
  auto session = Session::Make(options, &adapter);
  EXPECT_FALSE(session.ok() && (*session)->Start().ok());
}

TEST(SessionTest, AMountPointThatIsNotThereIsNamed) {
  MemoryVfs vfs;
  Adapter adapter = {.vfs = vfs, .timeouts = {}, .mount_json = "{}"};
  SessionOptions options;
  options.source = "memory";
  options.mount_point = "/no/such/place";
  auto session = Session::Make(options, &adapter);
  ASSERT_TRUE(session.ok()) << session.status();
  const absl::Status status = (*session)->Start();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(MessageOf(status), ::testing::HasSubstr("/no/such/place"));
}

}  // namespace
}  // namespace weft::fuse
