using Softswitch.Datapath.Control;
using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Pipeline;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Ports;
using Softswitch.Hosting.Processes;
using Softswitch.Hosting.TakeOver;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Memory;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Ports.Patch;

namespace Softswitch.Hosting;

/// <summary>What the switches of a process share. A switch that stands alone has one for itself.</summary>
/// <remarks>Threads: any. Disposed of after the last of its switches.</remarks>
internal sealed class SwitchResources : IDisposable
{
    private readonly Lazy<FramePool> _frames;
    private readonly Lazy<PatchCables> _cables;
    private HugePages? _frameMemory;
    private bool _areFramesAnnounced;
    private volatile bool _isAbandoned;

    /// <param name="options">Of the group, or of the switch that stands alone.</param>
    /// <param name="taker">Whose packet memory may be gone on with; null for nobody's.</param>
    /// <exception cref="OptionException">The process may not use one of the processors.</exception>
    /// <exception cref="SystemCallException">The kernel refuses what threads sleep by.</exception>
    public SwitchResources(SwitchGroupOptions options, HandoverTarget? taker)
    {
        int framesOfPorts = options.Switches.Sum(one => SwitchPorts.FramesTakenBy(one.Ports));
        _frames = new Lazy<FramePool>(() => DatapathControl.CreateFrames(options.Sizes with
        {
            FrameCount = options.FrameCount + framesOfPorts,
            AreFramesInUse = taker is { HasMemory: true },
            FrameMemory = bytes => _frameMemory = taker is { HasMemory: true } ? taker.MapMemory(bytes) : HugePages.Allocate(bytes, shared: framesOfPorts > 0), // what the kernel pins the next switch must map
        }));
        _cables = new Lazy<PatchCables>(() => new PatchCables(Frames, options.Workers));
        Memory = MemoryLimit.Find();
        WorkerProcessors processors = new(options.Processors);
        Threads = new WorkerThreads(options.Workers, () => options.SpinsWhenIdle ? new SpinningWaiter() : new EpollWaiter(), processors.Enter);
    }

    /// <summary>They run the workers of all switches.</summary>
    public WorkerThreads Threads { get; }

    /// <summary>All packets lie in these. Made when the first switch asks for them.</summary>
    public FramePool Frames => _frames.Value;

    /// <summary>What joins <c>patch:</c> ports.</summary>
    public PatchCables Cables => _cables.Value;

    /// <summary>The limit of the control group; null without one.</summary>
    public MemoryLimit? Memory { get; }

    /// <summary>Says what the frames are, once for all switches.</summary>
    public void AnnounceFrames(Action<string> say)
    {
        if (!Interlocked.Exchange(ref _areFramesAnnounced, true))
        {
            say($"frames: {Frames.FrameCount} of {Frames.FrameSize} bytes, {_frameMemory?.Description}");
        }
    }

    /// <summary>A thread did not end: what it may use is left as it is.</summary>
    public void Abandon() => _isAbandoned = true;

    public void Dispose()
    {
        Threads.Dispose();
        if (_frames.IsValueCreated && !_isAbandoned)
        {
            _frames.Value.Dispose();
        }
    }
}
