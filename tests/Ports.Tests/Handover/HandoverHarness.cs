using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Opening;
using Softswitch.Ports.Specs;
using Softswitch.Testing;

namespace Softswitch.Ports.Tests.Handover;

/// <summary>A device, and what stands for the process that has it.</summary>
/// <param name="pool">Its frames.</param>
internal sealed class DeviceOwner(IPortDevice device, FramePool pool) : IDisposable
{
    public IPortDevice Device => device;

    public FramePool Pool => pool;

    public FrameCache Frames { get; } = pool.CreateCache();

    public IDeviceHandover Handover => device.Handover!;

    public void Dispose()
    {
        device.Dispose();
        Frames.Drain();
    }
}

/// <summary>A device that goes from owner to owner, with its far end. Frames are numbered, each way by itself.</summary>
internal abstract class HandoverHarness : IDisposable
{
    private const int FrameLength = 90;

    private readonly List<FramePool> _pools = [];
    private DeviceOwner? _owner;
    private int _offered;
    private int _received;
    private int _sent;
    private int _shown;

    /// <summary>The present one.</summary>
    public DeviceOwner Owner => _owner!;

    protected abstract PortSpec Spec { get; }

    /// <summary>Whether what the device receives and sends can be made and seen.</summary>
    protected virtual bool Receives => true;

    protected virtual bool ShowsSent => true;

    /// <summary>Whether the device receives without end, whatever arrives.</summary>
    protected virtual bool IsEndless => false;

    /// <summary>Files and sockets of the device, as descriptors name them.</summary>
    public virtual IReadOnlyList<string> HeldFiles() => [.. Owner.Handover.Offer().Descriptors.Select(LinkOf).Where(link => link.StartsWith("socket:", StringComparison.Ordinal))];

    /// <summary>The interface as others see it.</summary>
    public virtual string Picture() => string.Empty;

    /// <summary>Opens the device for its first owner.</summary>
    public void Start()
    {
        FramePool pool = Keep(NewPool());
        _owner = new DeviceOwner(Enter(() => OpenDevice(pool)), pool);
        Meet();
    }

    /// <summary>Makes a device of an offer, by descriptors of its own as another process would.</summary>
    public DeviceOwner Take(DeviceOffer offer)
    {
        FramePool pool = Keep(PoolOfNext());
        return new DeviceOwner(Enter(() => TakeDevice(pool, offer.Sent())), pool);
    }

    /// <summary>The device is the next owner's, who has adopted it.</summary>
    public void HandOn(DeviceOwner next)
    {
        _owner!.Dispose();
        _owner = next;
        Meet();
    }

    /// <summary>The last owner ends, and the far end gives back its frames.</summary>
    public virtual void End() => Owner.Dispose();

    /// <summary>Begins a hand-over that ends there. What arrives once workers are stopped is the owner's.</summary>
    public void FailAt(HandoverStep step)
    {
        DeviceOffer offer = Owner.Handover.Offer();
        if (step == HandoverStep.Offered)
        {
            foreach (int descriptor in offer.Sent().Descriptors)
            {
                _ = Libc.close(descriptor);
            }
            return;
        }
        using DeviceOwner failing = Take(offer);
        if (step == HandoverStep.Taken)
        {
            return;
        }
        byte[] state = Owner.Handover.SaveState();
        Arrive(3);
        for (int length = 0; step == HandoverStep.Refused && length < state.Length; length++)
        {
            byte[] cut = state[..length];
            Assert.True(Record.Exception(() => failing.Handover.Adopt(cut)) is IOException or InvalidDataException, $"{length} of {state.Length} bytes are enough");
        }
        if (step == HandoverStep.Adopted)
        {
            failing.Handover.Adopt(state);
        }
        failing.Handover.Yield();
    }

    /// <summary>Has the device count what is wrong, where that can be brought about.</summary>
    public virtual void MakeErrors()
    {
    }

    /// <summary>Frames arrive at the device, which is to receive them when it can.</summary>
    public void Arrive(int count)
    {
        for (int i = 0; Receives && i < count; i++)
        {
            byte[] frame = Frame(_offered++);
            Eventually.Polled(() => TryOffer(frame), () => "the way is full");
        }
    }

    /// <summary>Passes frames both ways. All that came before is received first, each frame once and in order.</summary>
    public void PassBothWays(int count)
    {
        Arrive(count);
        Eventually.Polled(
            () =>
            {
                foreach (byte[] frame in Receives ? Owner.Device.Queues[0].ReceiveOnce(Owner.Frames) : [])
                {
                    Assert.Equal(Frame(_received++), frame);
                }
                return IsEndless || !Receives || _received >= _offered;
            },
            () => $"{_received} of {_offered} frames came");
        Assert.True(IsEndless || _received == (Receives ? _offered : 0), $"{_received} frames came, and {_offered} were sent");
        for (int i = 0; i < count; i++)
        {
            Packet packet = Owner.Frames.Rent(Frame(_sent++));
            Eventually.Polled(() => Owner.Device.Queues[0].Transmit(new ReadOnlySpan<Packet>(in packet), Owner.Frames) == 1, () => "the port takes nothing");
        }
        while (ShowsSent && _shown < _sent)
        {
            byte[]? frame = null;
            Eventually.Polled(() => (frame = NextSent()) != null, () => $"{_shown} of {_sent} frames came out");
            Assert.Equal(Frame(_shown++), frame);
        }
        Assert.Null(NextSent());
    }

    /// <summary>Descriptors of this process that name a file.</summary>
    public static int CountHolders(string file) => Directory.GetFiles("/proc/self/fd").Count(path => LinkOf(path) == file);

    public virtual void Dispose()
    {
        _owner?.Dispose();
        _pools.ForEach(pool => pool.Dispose());
    }

    protected virtual FramePool NewPool() => new(1024);

    /// <summary>The pool of the process that is to go on.</summary>
    protected virtual FramePool PoolOfNext() => NewPool();

    protected virtual IPortDevice OpenDevice(FramePool pool) => PortFactory.Open(Spec, pool);

    protected virtual IPortDevice TakeDevice(FramePool pool, DeviceOffer offer) => PortFactory.Take(Spec, pool, offer);

    /// <summary>Where the device is.</summary>
    protected virtual IPortDevice Enter(Func<IPortDevice> open) => open();

    /// <summary>The far end meets the present owner.</summary>
    protected virtual void Meet()
    {
    }

    /// <summary>Makes a frame arrive; false when the way is full.</summary>
    protected virtual bool TryOffer(byte[] frame) => true;

    /// <summary>The next frame that came out; null when there is none yet.</summary>
    protected virtual byte[]? NextSent() => null;

    /// <summary>The frame of a number.</summary>
    protected virtual byte[] Frame(int number)
    {
        byte[] frame = PolledPort.Frame(FrameLength);
        BitConverter.TryWriteBytes(frame.AsSpan(14), number);
        return frame;
    }

    private FramePool Keep(FramePool pool)
    {
        if (!_pools.Contains(pool))
        {
            _pools.Add(pool);
        }
        return pool;
    }

    private static string LinkOf(int descriptor) => LinkOf($"/proc/self/fd/{descriptor}");

    private static string LinkOf(string path)
    {
        try
        {
            return new FileInfo(path).LinkTarget ?? string.Empty;
        }
        catch (IOException)
        {
            return string.Empty; // it was closed meanwhile
        }
    }
}
