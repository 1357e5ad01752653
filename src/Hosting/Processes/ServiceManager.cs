using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Softswitch.Ports.Linux;

namespace Softswitch.Hosting.Processes;

/// <summary>What the service manager that started this process is told of it: sd_notify(3), a datagram for each change. Without one, nothing.</summary>
/// <remarks>A manager that does not read is waited for a second at most, and one that is gone not at all. Nothing throws. Threads: any.</remarks>
internal sealed class ServiceManager : IDisposable
{
    private const string SocketVariable = "NOTIFY_SOCKET";
    private const string WatchdogVariable = "WATCHDOG_USEC";
    private const string WatchedProcessVariable = "WATCHDOG_PID";
    private const int PatienceMilliseconds = 1000;

    private readonly UnixDomainSocketEndPoint? _address;
    private readonly Socket? _socket;

    /// <param name="address">A path, or <c>@NAME</c> in the abstract name space; anything else, and null, is no manager.</param>
    /// <param name="watchdog">How long it waits for a sign of life before it ends the process; null if it does not.</param>
    public ServiceManager(string? address, TimeSpan? watchdog)
    {
        if (address is not (['/', ..] or ['@', ..]))
        {
            return;
        }
        try
        {
            _address = new UnixDomainSocketEndPoint(address[0] == '@' ? $"\0{address[1..]}" : address);
            _socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { SendTimeout = PatienceMilliseconds };
            Watchdog = watchdog;
        }
        catch (Exception e) when (e is ArgumentException or SocketException)
        {
            // no name of a socket, or no descriptor left: nobody to tell
        }
    }

    /// <summary>Whether there is one.</summary>
    public bool IsPresent => _socket != null;

    /// <summary>How long it waits for <see cref="Feed"/>; null where it does not wait.</summary>
    public TimeSpan? Watchdog { get; }

    /// <summary>The one that started this process, by NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.</summary>
    public static ServiceManager FromEnvironment()
    {
        string? process = Environment.GetEnvironmentVariable(WatchedProcessVariable);
        bool isWatched = long.TryParse(Environment.GetEnvironmentVariable(WatchdogVariable), NumberStyles.None, CultureInfo.InvariantCulture, out long microseconds)
            && microseconds is > 0 and < long.MaxValue / TimeSpan.TicksPerMicrosecond
            && (process == null || process == Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        return new ServiceManager(Environment.GetEnvironmentVariable(SocketVariable), isWatched ? TimeSpan.FromMicroseconds(microseconds) : null);
    }

    /// <summary>It forwards: after the start, and after each <see cref="Reloading"/> whatever came of it.</summary>
    public void Ready() => Send("READY=1");

    /// <summary>The configuration is being read again; <see cref="Ready"/> ends that.</summary>
    public void Reloading() => Send(string.Create(CultureInfo.InvariantCulture, $"RELOADING=1\nMONOTONIC_USEC={KernelClock.Nanoseconds / 1000}"));

    /// <summary>It is about to end.</summary>
    public void Stopping() => Send("STOPPING=1");

    /// <summary>Another process of this service has taken over: it is the main one now, and the end of this one not the service's.</summary>
    public void HandedOver(int process) => Send(string.Create(CultureInfo.InvariantCulture, $"MAINPID={process}"));

    /// <summary>This process has taken over from the one the manager knows, and forwards.</summary>
    public void TakenOver() => Send(string.Create(CultureInfo.InvariantCulture, $"MAINPID={Environment.ProcessId}\nREADY=1"));

    /// <summary>A sign of life, due more often than once in <see cref="Watchdog"/>.</summary>
    public void Feed() => Send("WATCHDOG=1");

    /// <param name="text">One line for people.</param>
    public void Status(string text) => Send($"STATUS={text.ReplaceLineEndings(" ")}");

    public void Dispose() => _socket?.Dispose();

    private void Send(string message)
    {
        try
        {
            _socket?.SendTo(Encoding.UTF8.GetBytes(message), _address!);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // It went, or does not read: the switch does not depend on it.
        }
    }
}
