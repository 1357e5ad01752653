using System.Diagnostics;
using Softswitch.Datapath.Captures;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Reports;
using Softswitch.Ports.Pcap;

namespace Softswitch.Hosting.Captures;

/// <summary>A capture under way: takes packets from the workers and writes them down as pcapng.</summary>
/// <remarks>
/// It begins when it is made and ends at the latest when it is disposed of. Packets that come faster than they are taken are lost to the capture, and counted.
/// Threads: one at a time.
/// </remarks>
internal sealed class CaptureStream : IDisposable
{
    // Between two looks: a quarter of what fills a ring when a tenth of 10 million short packets a second is captured.
    private const int Interval = 10;

    // Another worker's pass may still bring older packets: only one that the system holds up takes longer than this.
    // By then the workers have seen that the clock was set.
    private static readonly TimeSpan ClockPatience = TimeSpan.FromSeconds(3);

    private const long PassPatience = 50 * TimeSpan.TicksPerMillisecond;

    private static readonly TimeSpan NamesInterval = TimeSpan.FromSeconds(1);

    private static readonly string[] Comments = [.. Enumerable.Range(0, (int)DropReason.Count).Select(reason => $"dropped: {DropTexts.Of((DropReason)reason).Words}")];

    private readonly DatapathControl _control;
    private readonly CaptureRequest _request;
    private readonly Capture _capture;
    private readonly HostLease? _lease;
    private readonly Dictionary<ushort, CapturedPort> _ports = [];
    private long _namesReadAt = long.MinValue;
    private long _lastLook;
    private long _setBackAt;
    private long _left;
    private bool _isRunning = true;

    /// <param name="lease">The capture's once it is made; null where the switch outlives it anyway.</param>
    /// <exception cref="OptionException">The request makes no sense, or there are too many captures.</exception>
    public CaptureStream(DatapathControl control, CaptureRequest request, Func<string, ushort> findPort, HostLease? lease = null)
    {
        _control = control;
        _lease = lease;
        _request = request;
        _left = request.Count == 0 ? long.MaxValue : request.Count;
        CaptureFilter filter = request.ToFilter(findPort);
        using ControlScope scope = control.EnterWithoutTable();
        _capture = new Capture(filter, control.Workers.Count);
        if (!control.Pipeline.TryAddCapture(_capture))
        {
            _capture.Dispose();
            throw new OptionException($"capture: {PipelineControl.MostCaptures} captures run already");
        }
    }

    /// <summary>What the workers fill, for benchmarks that turn it off and on.</summary>
    internal Capture Capture => _capture;

    /// <summary>Cancelled when the switch is to end: a reader that does not read is not waited for then.</summary>
    public CancellationToken Ending => _lease?.Ending ?? CancellationToken.None;

    /// <summary>Packets written so far.</summary>
    public long Packets => _ports.Values.Sum(port => port.Packets);

    /// <summary>Packets lost to the capture so far.</summary>
    public long Lost => _ports.Values.Sum(port => port.Lost);

    /// <summary>Writes until there are as many packets as were asked for, or the reader has had enough.</summary>
    /// <param name="output">Where to. Its exceptions pass through.</param>
    /// <param name="isOver">Whether the reader has had enough; asked many times a second.</param>
    /// <param name="cut">When it is cancelled, the capture ends without the blocks that say that it is whole.</param>
    /// <exception cref="OperationCanceledException">It was cut.</exception>
    public void Run(Stream output, Func<bool> isOver, CancellationToken cut = default)
    {
        PcapNgWriter writer = new(output, $"Softswitch {typeof(CaptureStream).Assembly.GetName().Version?.ToString(3)}");
        ReadNames(writer);
        bool isOrdered = _control.Workers.Count == 1;
        while (_left > 0 && !isOver() && !Ending.IsCancellationRequested)
        {
            if (Stopwatch.GetElapsedTime(_namesReadAt) > NamesInterval)
            {
                ReadNames(writer); // ports come, go, and are renamed
            }
            Drain(writer, isOrdered || WasClockSetBack() ? long.MaxValue : DateTime.UtcNow.Ticks - PassPatience);
            writer.Flush();
            Thread.Sleep(Interval);
        }
        cut.ThrowIfCancellationRequested();
        End();
        ReadNames(writer);
        Drain(writer, long.MaxValue);
        long now = NanosecondsOf(DateTime.UtcNow.Ticks);
        foreach (CapturedPort port in _ports.Values)
        {
            writer.AddStatistics(port.Interface, now, port.Packets + port.Lost, port.Lost);
        }
        writer.Flush();
    }

    /// <summary>Whether packets may be here that are from a future which the clock will reach who knows when.</summary>
    private bool WasClockSetBack()
    {
        long now = DateTime.UtcNow.Ticks;
        _setBackAt = now < _lastLook ? Stopwatch.GetTimestamp() : _setBackAt;
        _lastLook = now;
        return _setBackAt != 0 && Stopwatch.GetElapsedTime(_setBackAt) < ClockPatience;
    }

    public void Dispose()
    {
        if (End())
        {
            _capture.Dispose();
        }
        _lease?.Dispose();
    }

    /// <returns>Whether no worker writes any more.</returns>
    private bool End()
    {
        if (_isRunning)
        {
            using ControlScope scope = _control.EnterWithoutTable();
            _isRunning = !_control.Pipeline.RemoveCapture(_capture);
        }
        return !_isRunning;
    }

    private void Drain(PcapNgWriter writer, long before)
    {
        while (_left > 0 && _capture.TryRead(before, out CaptureRecord head, out ReadOnlySpan<byte> bytes))
        {
            if (!_ports.TryGetValue(head.Port, out CapturedPort? port))
            {
                ReadNames(writer);
                port = _ports.GetValueOrDefault(head.Port) ?? AddPort(writer, default(PortDescription) with { Number = head.Port, Name = PortText(head.Port) });
            }
            port.Packets++;
            _left--;
            string? comment = head.Point == CapturePoints.Dropped ? Comments[(int)head.Reason] : null;
            writer.AddPacket(port.Interface, bytes, head.Length, NanosecondsOf(head.Ticks), head.IsEgress, comment);
        }
        if (_left > 0) // else what was lost came behind the last packet that was asked for
        {
            foreach ((ushort number, CapturedPort port) in _ports)
            {
                port.Lost = _capture.Lost(number);
            }
        }
        _capture.Release();
    }

    /// <summary>Each port the capture may show is an interface; one that has another name by now is another interface.</summary>
    private void ReadNames(PcapNgWriter writer)
    {
        IReadOnlyList<PortDescription> present;
        using (_control.EnterWithoutTable())
        {
            present = _control.Ports.Descriptions;
        }
        _namesReadAt = Stopwatch.GetTimestamp();
        foreach (PortDescription port in present)
        {
            if (_capture.Filter.Includes(_capture.Filter.Points, port.Number) && _ports.GetValueOrDefault(port.Number)?.Name != port.Name)
            {
                AddPort(writer, port);
            }
        }
    }

    private CapturedPort AddPort(PcapNgWriter writer, PortDescription port)
    {
        string? filter = _request.Match.Length == 0 ? null : _request.Match;
        int number = writer.AddInterface(port.Name, $"port {PortText(port.Number)}", port.HardwareAddress, _capture.Filter.SnapLength, filter);
        return _ports[port.Number] = new CapturedPort(number, port.Name);
    }

    /// <summary>A number; those that come from or go to no port have words.</summary>
    private static string PortText(ushort number) => number switch
    {
        PortNumber.Controller => "controller",
        PortNumber.Local => "local",
        PortNumber.None => "gone",
        _ => $"{number}",
    };

    private static long NanosecondsOf(long ticks) => (ticks - DateTime.UnixEpoch.Ticks) * TimeSpan.NanosecondsPerTick;

    private sealed record CapturedPort(int Interface, string Name)
    {
        public long Packets { get; set; }

        public long Lost { get; set; }
    }
}
