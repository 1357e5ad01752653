using System.Diagnostics;
using Softswitch.Lab.Linux;
using Softswitch.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Pcap;

namespace Softswitch.Lab.Measures;

/// <summary>Counts the frames that pass one end of a cable, by what they are, and writes them to a capture file if asked to.</summary>
/// <remarks>
/// Threads: one of its own reads; the members may be called by another, and figures are complete after <see cref="Drain"/>.
/// </remarks>
internal sealed class WireTap : IDisposable
{
    private const int PatienceMilliseconds = 20;

    private readonly IFrameSource _capture;
    private readonly PcapWriter? _file;
    private readonly Thread _thread;
    private readonly FrameTaker _take;
    private FrameCount[] _counts = []; // replaced, not changed
    private volatile bool _isStopped;
    private volatile PortException? _failure;
    private long _latest; // time stamp of the last frame that was counted
    private int _emptyReads;

    private WireTap(string name, IFrameSource capture, PcapWriter? file)
    {
        Name = name;
        _capture = capture;
        _file = file;
        _take = Take;
        _thread = new Thread(Read) { IsBackground = true, Name = $"tap {name}" };
        _thread.Start();
    }

    public string Name { get; }

    /// <summary>Starts to look.</summary>
    /// <param name="path">A capture file to write; null for none.</param>
    public static WireTap Open(LabNode node, string interfaceName, string? path) => Open(
        $"{node.Name} {interfaceName}",
        node is LabSwitch device && device.FindHidden(interfaceName) is { } port
            ? new PortCapture(device, port, isAtSwitch: true)
            : node.Run(() => PacketCapture.Open(interfaceName)),
        path);

    /// <summary>Starts to look at a port of a switch that runs, as from the far end of its cable.</summary>
    /// <param name="path">As above.</param>
    public static WireTap Open(LabSwitch device, ushort port, string? path) => Open($"{device.Name} port {port}", new PortCapture(device, port), path);

    /// <summary>Starts to look at the cable to a place of a host.</summary>
    /// <param name="path">As above.</param>
    public static WireTap Open(IMobileHost host, int place, string? path) =>
        host.CableTo(place) switch
        {
            (LabSwitch device, null, var port) => Open(device, port, path),
            ({ } node, { } interfaceName, _) => Open(node, interfaceName, path),
            _ => throw new InvalidOperationException($"{host.Name}: place {place} is no port of a switch of the lab"),
        };

    private static WireTap Open(string name, IFrameSource capture, string? path)
    {
        try
        {
            return new WireTap(name, capture, path == null ? null : PcapWriter.Create(path));
        }
        catch
        {
            capture.Dispose();
            throw;
        }
    }

    /// <summary>Counts from now on the frames that a filter takes.</summary>
    /// <param name="what">For people.</param>
    public FrameCount Count(string what, FrameFilter filter)
    {
        var count = new FrameCount(what, filter);
        _counts = [.. _counts, count];
        return count;
    }

    /// <summary>Returns when every frame that passed before the call has been counted.</summary>
    /// <exception cref="TestbedException">Frames were lost before they could be counted.</exception>
    public void Drain()
    {
        long now = Stopwatch.GetTimestamp();
        int before = Volatile.Read(ref _emptyReads);
        // One that passed later, or nothing more: the first empty read may have begun before the call.
        while (Volatile.Read(ref _latest) <= now && Volatile.Read(ref _emptyReads) - before < 2)
        {
            Thread.Sleep(1);
            if (_failure != null)
            {
                throw new TestbedException($"{Name}: {_failure.Message}", _failure);
            }
        }
        if (_capture.ReadDropped() is long lost and > 0)
        {
            throw new TestbedException($"{Name}: {lost} frames passed that could not be looked at: the machine is too busy for its counts to be true");
        }
    }

    public void Dispose()
    {
        _isStopped = true;
        _thread.Join();
        _capture.Dispose();
        _file?.Dispose();
    }

    private void Read()
    {
        try
        {
            while (!_isStopped)
            {
                if (_capture.Read(_take, PatienceMilliseconds) == 0)
                {
                    Volatile.Write(ref _emptyReads, _emptyReads + 1);
                }
            }
        }
        catch (PortException e)
        {
            _failure = e; // the capture file cannot be written
        }
    }

    private void Take(in CapturedFrame frame)
    {
        var view = new FrameView(frame);
        foreach (FrameCount count in _counts)
        {
            count.Look(view);
        }
        if (_file != null)
        {
            _file.Write(frame.Bytes, (long)Stopwatch.GetElapsedTime(0, frame.Timestamp).TotalNanoseconds + KernelClock.RealTimeOffset, frame.Length);
        }
        Volatile.Write(ref _latest, frame.Timestamp);
    }
}
