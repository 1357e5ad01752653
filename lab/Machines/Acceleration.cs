namespace Softswitch.Lab.Machines;

/// <summary>Whether QEMU runs guests by KVM or by emulation.</summary>
/// <remarks>
/// /dev/kvm may be there and be of no use: a hypervisor without nested virtualisation can leave it to software to carry out the guest's instructions, and a
/// kernel takes hours to boot then. So a firmware that counts is run once, which takes KVM a few milliseconds.
/// </remarks>
internal static class Acceleration
{
    private const string Device = "/dev/kvm";
    private const int RomSize = 1 << 16;
    private const int CodeStart = 0xff00;
    private const int ResetVector = 0xfff0; // of a ROM of 64 KiB below 4 GiB
    private const int ExitPort = 0xf4;
    private const int ExitCode = 3; // isa-debug-exit: twice the byte written, and one

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private static readonly byte[] Code =
    [
        0x66, 0xb9, 0x00, 0x2d, 0x31, 0x01, // mov ecx, 20,000,000
        0x66, 0x49, 0x75, 0xfc, // dec ecx; jnz to it
        0xb0, 0x01, 0xe6, ExitPort, // out of the machine
        0xf4, 0xeb, 0xfd, // hlt, again and again
    ];

    private static readonly byte[] Jump = [0xe9, 0x0d, 0xff]; // jmp CodeStart, from the vector

    private static readonly Lazy<string> Found = new(() => CanUseKvm() ? "kvm" : "tcg");

    /// <summary>As behind <c>-accel</c>; tried once a process.</summary>
    public static string Name => Found.Value;

    private static bool CanUseKvm()
    {
        if (!File.Exists(Device))
        {
            return false;
        }
        byte[] rom = new byte[RomSize];
        Code.CopyTo(rom, CodeStart);
        Jump.CopyTo(rom, ResetVector);
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, rom);
            string[] arguments =
            [
                "-nodefaults", "-no-user-config", "-display", "none", "-machine", "pc,accel=kvm", "-cpu", "max", "-m", "16M", "-bios", path,
                "-device", $"isa-debug-exit,iobase={ExitPort},iosize=1",
            ];
            return RunningCommand.Try(GuestImage.Emulator, arguments, Patience, CancellationToken.None).ExitCode == ExitCode;
        }
        finally
        {
            File.Delete(path);
        }
    }
}
