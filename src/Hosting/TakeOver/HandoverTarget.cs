using System.Diagnostics;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.Logging;
using Softswitch.Hosting.Management;
using Softswitch.Hosting.State;
using Softswitch.Ports;
using Softswitch.Ports.AfXdp;
using Softswitch.Ports.Linux;
using Softswitch.Ports.Linux.Memory;
using Softswitch.Ports.Linux.Processes;
using Softswitch.Ports.Linux.Sockets;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting.TakeOver;

/// <summary>The new process's side of a hand-over, in the four steps of docs/take-over.md; <see cref="HandoverSource"/> is the other side.</summary>
/// <remarks>
/// Disposing closes whatever was not taken. Before <see cref="TakeState"/> returned nothing of the running switch has changed. Threads: one at a time.
/// </remarks>
internal sealed class HandoverTarget : IDisposable
{
    // Milliseconds: of a switch that forwards, and one that reads its own ports meanwhile; until it has its table's turn, and has written it down; while it is stopped.
    private const int AnswerTimeout = 10_000;
    private const int TableTimeout = 30_000;
    private const int StoppedTimeout = 5000;
    private const int MostBytes = 1 << 30;

    private readonly HandoverChannel _channel;
    private readonly CancellationToken _stop;
    private readonly Dictionary<string, int> _listeners = [];
    private readonly Dictionary<ushort, OfferedPort> _ports = [];
    private readonly HashSet<string> _takenListeners = [];
    private readonly Dictionary<ushort, IDeviceHandover> _devices = [];
    private int _memory = -1;

    private HandoverTarget(string source, HandoverChannel channel, CancellationToken stop)
    {
        Source = source;
        _stop = stop;
        _channel = channel;
    }

    /// <summary>The running switch, as it was asked for.</summary>
    public string Source { get; }

    public ulong DatapathId { get; private set; }

    /// <summary>What the running switch goes by.</summary>
    public string Name { get; private set; } = string.Empty;

    /// <summary>Its control socket; empty if it has none.</summary>
    public string ControlPath { get; private set; } = string.Empty;

    public int FrameCount { get; private set; }

    public int FrameSize { get; private set; }

    /// <summary>Whether ports' packets lie in the running switch's memory, which is to be mapped then.</summary>
    public bool HasMemory { get; private set; }

    /// <summary>Entries of both tables that were taken.</summary>
    public int FlowCount { get; private set; }

    public int PortCount => _devices.Count;

    /// <summary>For how long nothing was forwarded, at most.</summary>
    public TimeSpan Stopped { get; private set; }

    /// <summary>Where a switch waits for the process that asked for it, beside its control socket.</summary>
    public static string PathBeside(string control) => $"{File.ResolveLinkTarget(control, returnFinalTarget: true)?.FullName ?? control}.take-over";

    /// <summary>Step 1: asks a running switch for what it has.</summary>
    /// <param name="source">Its name, or <c>unix:PATH</c>.</param>
    /// <param name="stop">Cancelled when this process is to end: before step 4 it leaves the switch where it is.</param>
    /// <exception cref="OptionException">There is none, it is of another version, or it refuses.</exception>
    public static HandoverTarget Begin(string source, CancellationToken stop)
    {
        string control = ControlSockets.Find(source);
        DescriptorSocket socket;
        try
        {
            socket = Connect(control);
        }
        catch (Exception e) when (IsFailure(e) || e is OptionException)
        {
            throw Refused(source, e.Message.Replace("\n", "; ", StringComparison.Ordinal));
        }
        return Begin(source, socket, stop);
    }

    /// <summary>The same by a connection that has agreed to be a hand-over's.</summary>
    /// <param name="socket">Is the hand-over's from here on.</param>
    /// <exception cref="OptionException">The running switch is gone or refuses, or is in another network namespace.</exception>
    internal static HandoverTarget Begin(string source, DescriptorSocket socket, CancellationToken stop)
    {
        HandoverTarget target = new(source, new HandoverChannel(socket, MostBytes), stop);
        try
        {
            target.ReceiveOffer(socket.Peer.Process);
            return target;
        }
        catch (Exception e) when (IsFailure(e))
        {
            OptionException failure = target.Fail(e); // its log says why, too
            target.Dispose();
            throw failure;
        }
    }

    /// <summary>The error for an option that does not go with the running switch.</summary>
    public OptionException Refuse(string reason) => Refused(Source, reason);

    /// <summary>Maps the running switch's packet memory.</summary>
    /// <exception cref="OptionException">The system refuses, or the size is another.</exception>
    public HugePages MapMemory(nuint bytes)
    {
        try
        {
            HugePages memory = HugePages.Map(_memory, bytes);
            _memory = -1; // its own now
            return memory;
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw Refuse(e.Message);
        }
    }

    /// <summary>What the running switch has for a port of this number and specification; null if it has none, and this one is to open it.</summary>
    /// <returns>Its descriptors are the caller's from here on.</returns>
    /// <exception cref="PortException">It has, and it cannot be had.</exception>
    public DeviceOffer? TakePort(ushort number, PortSpec spec)
    {
        if (!_ports.TryGetValue(number, out OfferedPort? offered) || offered.Spec != spec.Body)
        {
            return null;
        }
        if (offered.Obstacle.Length > 0)
        {
            throw new PortException($"port '{spec.Text}': it cannot be taken over: {offered.Obstacle}");
        }
        _ports.Remove(number);
        return offered.Device;
    }

    /// <summary>The device that was made of what <see cref="TakePort"/> found, with all that stands before it; not one that was opened here.</summary>
    public void NoteDevice(ushort number, IPortDevice device)
    {
        if (device.Handover is { } handover)
        {
            _devices[number] = handover;
        }
    }

    /// <summary>The number that the running switch's port of this specification has; null if there is none.</summary>
    public ushort? FindNumber(PortSpec spec) => _ports.Values.FirstOrDefault(port => port.Spec == spec.Body)?.Number;

    /// <summary>The socket that the running switch listens by under a label; null if it does not.</summary>
    public Socket? TakeListener(string label)
    {
        if (!_listeners.Remove(label, out int descriptor))
        {
            return null;
        }
        _takenListeners.Add(label);
        return new Socket(new SafeSocketHandle(descriptor, ownsHandle: true));
    }

    /// <summary>Step 2, once everything is open: has the running switch send its table, which nothing changes from here on, and loads it.</summary>
    /// <exception cref="OptionException">It does not fit, or the running switch ends the hand-over.</exception>
    public void LoadTable(DatapathControl control)
    {
        try
        {
            if (HasMemory && _ports.Values.FirstOrDefault(port => port.Device.Kind == AfXdpPort.OfferKind) is { } left)
            {
                throw new InvalidDataException($"port {left.Number}={left.Spec} has to be among the ports: its packets lie in the memory that is taken over");
            }
            JitWarmUp.ForTarget(_devices.Values.Select(device => device.GetType())); // while nobody waits for it yet
            _channel.Send(HandoverMessage.Opened, AnswerTimeout);
            while (_channel.Receive(TableTimeout, out byte[] entries, out _) is var kind && kind != HandoverMessage.EntriesEnd)
            {
                if (kind != HandoverMessage.Entries)
                {
                    throw new InvalidDataException($"a message {kind} among its entries");
                }
                using (control.Enter())
                {
                    FlowCount = TableSnapshot.Restore(control, entries, FlowCount);
                }
            }
        }
        catch (Exception e) when (IsFailure(e))
        {
            throw Fail(e);
        }
    }

    /// <summary>Steps 3 and 4: goes on where the running switch stopped. When this returns the switch is this process's, and workers are to run at once.</summary>
    /// <param name="restoreHost">Reads what is not the datapath's.</param>
    /// <param name="log">Told if what waited inside the running switch makes no sense: the switch goes on without.</param>
    /// <exception cref="OptionException">It is not: the running switch goes on.</exception>
    public void TakeState(DatapathControl control, Action<BinaryReader> restoreHost, ILogger log)
    {
        BinaryReader state;
        long began;
        try
        {
            Dictionary<ulong, uint> flows = IndexFlows(control);
            _channel.Send(HandoverMessage.Loaded, AnswerTimeout);
            began = Stopwatch.GetTimestamp();
            state = _channel.Expect(HandoverMessage.State, StoppedTimeout);
            using (control.Enter())
            {
                AdoptDevices(state);
            }
            RestoreCounts(control, state, flows);
            if (_stop.IsCancellationRequested)
            {
                throw new InvalidDataException("asked to end, and the running switch goes on");
            }
            new HandoverResult(_devices.Keys.ToHashSet(), _takenListeners).Write(_channel.Payload);
            _channel.Send(HandoverMessage.Taken, StoppedTimeout);
        }
        catch (Exception e)
        {
            // Those that were adopted already are the running switch's again: closing them here must change nothing.
            foreach (IDeviceHandover device in _devices.Values)
            {
                device.Yield();
            }
            if (IsFailure(e))
            {
                throw Fail(e);
            }
            throw;
        }
        // Not before: in frames that both have mapped, packets may wait that the running switch would have gone on with.
        control.Frames.FreeUnclaimed();
        RestoreState(control, state, restoreHost, log);
        Stopped = Stopwatch.GetElapsedTime(began);
    }

    /// <summary>Waits until the other process is gone, with its connections to controllers; for seconds at most.</summary>
    public void AwaitEnd()
    {
        try
        {
            _channel.Receive(StoppedTimeout, out _, out _);
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            // so it is, or it takes long
        }
    }

    public void Dispose()
    {
        _channel.Dispose();
        HandoverChannel.Close([.. _ports.Values.SelectMany(port => port.Device.Descriptors), .. _listeners.Values, _memory]);
        _ports.Clear();
        _listeners.Clear();
        _memory = -1;
    }

    /// <summary>Asks by the control socket for the connection, which is the hand-over's.</summary>
    private static DescriptorSocket Connect(string control)
    {
        ManagementClient.Ask(control, ManagementRequest.TakeOver(HandoverChannel.Version), TimeSpan.FromMilliseconds(AnswerTimeout));
        DescriptorSocket socket = DescriptorSocket.Connect(PathBeside(control["unix:".Length..]));
        if (socket.Peer.User != Libc.geteuid() && socket.Peer.User != 0 && Libc.geteuid() != 0)
        {
            socket.Dispose();
            throw new InvalidDataException("it is another user's");
        }
        return socket;
    }

    /// <param name="owner">The running switch's process.</param>
    private void ReceiveOffer(int owner)
    {
        while (_channel.Receive(AnswerTimeout, out byte[] payload, out int[] descriptors) is var kind && kind != HandoverMessage.OfferEnd)
        {
            using BinaryReader from = new(new MemoryStream(payload));
            switch (kind)
            {
                case HandoverMessage.Switch when descriptors.Length <= 1:
                    (_memory, HasMemory) = descriptors is [int memory] ? (memory, true) : (-1, false);
                    DatapathId = from.ReadUInt64();
                    ControlPath = from.ReadString();
                    Name = from.ReadString();
                    FrameCount = from.ReadInt32();
                    FrameSize = from.ReadInt32();
                    CheckNetwork(from.ReadString(), owner);
                    break;
                case HandoverMessage.Listener when descriptors is [int listener]:
                    _listeners[from.ReadString()] = listener;
                    break;
                case HandoverMessage.Port:
                    OfferedPort port = OfferedPort.Read(from, descriptors);
                    _ports[port.Number] = port;
                    break;
                default:
                    HandoverChannel.Close(descriptors);
                    throw new InvalidDataException($"a message {kind} among its offers");
            }
        }
    }

    /// <summary>An interface is offered by its index, which another one has in another namespace.</summary>
    private static void CheckNetwork(string network, int owner)
    {
        if (network != NetworkNamespace.NameOfCurrent())
        {
            throw new InvalidDataException($"it is in another network namespace; 'nsenter --net --target {owner}' starts a command there");
        }
    }

    private static Dictionary<ulong, uint> IndexFlows(DatapathControl control)
    {
        using ControlScope scope = control.Enter();
        return TableSnapshot.Index(control);
    }

    private void AdoptDevices(BinaryReader state)
    {
        for (int count = state.ReadInt32(); count > 0; count--)
        {
            ushort number = state.ReadUInt16();
            using BinaryReader of = new(new MemoryStream(state.ReadBytes(state.ReadInt32())));
            if (_devices.TryGetValue(number, out IDeviceHandover? device))
            {
                device.Adopt(of);
            }
        }
    }

    private static void RestoreCounts(DatapathControl control, BinaryReader state, Dictionary<ulong, uint> flows)
    {
        using ControlScope scope = control.Enter();
        TableSnapshot.RestoreCounts(control, state, flows);
    }

    private void RestoreState(DatapathControl control, BinaryReader state, Action<BinaryReader> restoreHost, ILogger log)
    {
        try
        {
            using ControlScope scope = control.Enter();
            control.Handover.RestoreState(state, _devices.ContainsKey);
            restoreHost(state);
        }
        catch (Exception e) when (IsFailure(e))
        {
            HostLog.Warn(log, $"not all that waited and was counted in the switch taken over could be read: {e.Message}");
        }
    }

    private OptionException Fail(Exception e)
    {
        _channel.Fail(e.Message);
        return Refuse(e.Message);
    }

    private static OptionException Refused(string source, string reason) => new($"--take-over: '{source}': {reason}");

    private static bool IsFailure(Exception e) => e is IOException or InvalidDataException or FormatException or ArgumentException;
}
