using System.Runtime.InteropServices;
using System.Text;
using Softswitch.Ports.Linux.Memory;

namespace Softswitch.Lab.Machines;

/// <summary>What every virtual machine of the lab boots: a kernel of this system and a file system in memory, made from this system's programs.</summary>
/// <remarks>
/// The file system is a memfd: it goes with the process, and QEMU reads it by its path in /proc. Inside are busybox, the drivers of virtio network
/// devices, perl, iperf3 and ethtool where this system has them, with their libraries, and the scripts beside this file. Threads: any.
/// </remarks>
internal sealed class GuestImage
{
    public const string Emulator = "qemu-system-x86_64";

    private const string ModuleFolder = "/lib/modules";
    private const string Scripts = "guest/";

    // Both transports' parts come with virtio_pci; the rest is what virtio_net wants.
    private static readonly string[] Drivers = ["virtio_pci", "virtio_net"];
    private static readonly string[] OptionalPrograms = ["iperf3", "ethtool"];
    private static readonly string[] ProgramFolders = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"];

    private static readonly Lazy<GuestImage> Made = new(() => new GuestImage());

    private readonly SharedMemory _files;

    private unsafe GuestImage()
    {
        if (FindMissing() is { } missing)
        {
            throw new TestbedException(missing);
        }
        Kernel = FindKernel()!;
        var archive = new CpioArchive();
        foreach (string folder in (string[])["dev", "proc", "sys", "tmp", "root", "etc", "bin", "lib", "lib64", "usr/bin"])
        {
            archive.AddFolder(folder);
        }
        foreach (string script in (string[])["init", "bin/network-up", "bin/agent", "bin/echo-on"])
        {
            archive.AddFile(script, ReadScript(Path.GetFileName(script)), isExecutable: true);
        }
        archive.AddFile("bin/busybox", File.ReadAllBytes(FindProgram("busybox")!), isExecutable: true);
        AddDrivers(archive);
        AddProgram(archive, FindProgram("perl")!);
        foreach (string program in OptionalPrograms.Select(FindProgram).OfType<string>())
        {
            AddProgram(archive, program);
        }
        ReadOnlySpan<byte> bytes = archive.Finish();
        nuint size = ((nuint)bytes.Length + (nuint)Environment.SystemPageSize - 1) & ~((nuint)Environment.SystemPageSize - 1);
        _files = SharedMemory.Create("softswitch guest", size);
        bytes.CopyTo(new Span<byte>(_files.Start, bytes.Length));
    }

    /// <summary>Made once a process.</summary>
    /// <exception cref="TestbedException">Something is missing.</exception>
    public static GuestImage Instance => Made.Value;

    public string Kernel { get; }

    /// <summary>A path for programs that run while this process does.</summary>
    public string FileSystem => $"/proc/{Environment.ProcessId}/fd/{_files.Descriptor}";

    /// <summary>What this system lacks for virtual machines, by the names of Debian's packages, in a line; null if nothing.</summary>
    public static string? FindMissing()
    {
        if (RuntimeInformation.OSArchitecture != Architecture.X64)
        {
            return "virtual machines of the lab are x86-64, and this system is not";
        }
        var packages = new List<string>();
        if (FindProgram(Emulator) == null)
        {
            packages.Add("qemu-system-x86");
        }
        if (FindKernel() == null)
        {
            packages.Add("linux-image-cloud-amd64");
        }
        if (FindProgram("busybox") is not { } busybox || ReadLibraries(busybox).Count > 0)
        {
            packages.Add("busybox-static");
        }
        if (FindProgram("perl") == null)
        {
            packages.Add("perl-base");
        }
        return packages.Count == 0 ? null : $"virtual machines need packages that are not installed: {string.Join(", ", packages)}";
    }

    /// <summary>The newest kernel that can be read and has the drivers, by its file; null if there is none.</summary>
    private static string? FindKernel() => !Directory.Exists("/boot") ? null : Directory.GetFiles("/boot", "vmlinuz-*")
        .Where(file => CanRead(file) && Drivers.All(driver => KernelModules.Has(FolderOf(file), driver)))
        .OrderByDescending(File.GetLastWriteTimeUtc).FirstOrDefault();

    private static string FolderOf(string kernel) => Path.Combine(ModuleFolder, Path.GetFileName(kernel)["vmlinuz-".Length..]);

    private static bool CanRead(string file)
    {
        try
        {
            using FileStream stream = File.OpenRead(file);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // Ubuntu's kernels are root's
        }
    }

    private static string? FindProgram(string name) => ProgramFolders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    private static byte[] ReadScript(string name)
    {
        using Stream stream = typeof(GuestImage).Assembly.GetManifestResourceStream(Scripts + name)!;
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private void AddDrivers(CpioArchive archive)
    {
        string folder = FolderOf(Kernel);
        var order = new List<string>();
        foreach (string module in Drivers.SelectMany(driver => KernelModules.InOrder(folder, driver)).Distinct())
        {
            string name = $"lib/modules/{Path.GetFileName(module)}";
            archive.AddFile(name, File.ReadAllBytes(Path.Combine(folder, module)));
            order.Add($"/{name}\n");
        }
        archive.AddFile("lib/modules/order", Encoding.ASCII.GetBytes(string.Concat(order)));
    }

    private static void AddProgram(CpioArchive archive, string program)
    {
        archive.AddFile($"bin/{Path.GetFileName(program)}", File.ReadAllBytes(program), isExecutable: true);
        foreach (string library in ReadLibraries(program))
        {
            archive.AddFile(library.TrimStart('/'), File.ReadAllBytes(library), isExecutable: true);
        }
    }

    // A line of ldd(1): "name => /path (address)", or "/path (address)" for the loader.
    private static List<string> ReadLibraries(string program) =>
        [.. RunningCommand.Execute("ldd", program).Output.Split('\n')
            .SelectMany(line => line.Split(' ', '\t').Where(word => word.StartsWith('/')).TakeLast(1)).Where(File.Exists)];
}
