using System.Diagnostics;
using Softswitch.Datapath.Captures;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Lab.Linux;

namespace Softswitch.Lab.Measures;

/// <summary>What passes a port of a switch, as its worker copies it: for ports whose cable is no interface of the kernel's.</summary>
/// <remarks>
/// It looks from one end of the cable, as <see cref="PacketCapture"/> does: at the host's, outgoing is what the switch receives. A frame's time is
/// when the pass of its worker began. Threads: one reads; <see cref="Dispose"/> after it has ended, and before the switch's end or after it.
/// </remarks>
internal sealed class PortCapture : IFrameSource
{
    private const int Interval = 1;

    private readonly DatapathControl _control;
    private readonly ushort _port;
    private readonly Capture _capture;
    private readonly bool _isAtSwitch;

    /// <param name="isAtSwitch">Whether it looks from the switch's end.</param>
    /// <exception cref="TestbedException">The switch has as many captures as it can have.</exception>
    public PortCapture(LabSwitch device, ushort port, bool isAtSwitch = false)
    {
        _isAtSwitch = isAtSwitch;
        _control = device.Host.Control;
        _port = port;
        using ControlScope scope = _control.EnterWithoutTable();
        _capture = new Capture(new CaptureFilter(CapturePoints.Received | CapturePoints.Sent, [port], FlowMatch.Any), _control.Workers.Count);
        if (!_control.Pipeline.TryAddCapture(_capture))
        {
            _capture.Dispose();
            throw new TestbedException($"{device.Name}: {PipelineControl.MostCaptures} captures run already");
        }
    }

    /// <inheritdoc/>
    public int Read(FrameTaker take, int patienceMilliseconds)
    {
        long began = Environment.TickCount64;
        int taken;
        while ((taken = ReadReady(take)) == 0 && Environment.TickCount64 - began < patienceMilliseconds)
        {
            Thread.Sleep(Interval);
        }
        return taken;
    }

    /// <inheritdoc/>
    public long ReadDropped() => _capture.Lost(_port);

    public void Dispose()
    {
        bool isOver;
        using (_control.EnterWithoutTable())
        {
            isOver = _control.Pipeline.RemoveCapture(_capture);
        }
        if (isOver) // else a worker that is stuck may still write to it
        {
            _capture.Dispose();
        }
    }

    private int ReadReady(FrameTaker take)
    {
        // Of the system's time and the lab's, both as they are now.
        long offset = DateTime.UtcNow.Ticks - Stopwatch.GetElapsedTime(0).Ticks;
        int taken = 0;
        while (_capture.TryRead(long.MaxValue, out CaptureRecord head, out ReadOnlySpan<byte> bytes))
        {
            take(new CapturedFrame
            {
                Bytes = bytes,
                Length = head.Length,
                VlanTag = null, // in its place among the bytes
                IsOutgoing = head.IsEgress == _isAtSwitch,
                Timestamp = (head.Ticks - offset) * (Stopwatch.Frequency / TimeSpan.TicksPerSecond),
            });
            taken++;
        }
        _capture.Release();
        return taken;
    }
}
