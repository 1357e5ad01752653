using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Softswitch.Datapath.Control;
using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Ports;
using Softswitch.Datapath.Tables;
using Softswitch.Hosting.Configuration;
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

/// <summary>The side of a take-over that goes on with a running switch: what that one offers, until it is this process's.</summary>
/// <remarks>Disposing closes whatever was not taken. Before <see cref="Finish"/> returned nothing of the running switch has changed. Threads: one at a time.</remarks>
internal sealed class TakeOverTaker : IDisposable
{
    public const string Verb = "take-over ";

    // Milliseconds: of a switch that forwards, and one that reads its own ports meanwhile; until it has its table's turn, and has written it down; at rest.
    private const int AnswerPatience = 10_000;
    private const int TablePatience = 30_000;
    private const int RestPatience = 5000;
    private const int MostBytes = 1 << 30;
    private const int LongestLine = 4096;

    private readonly TakeOverChannel _channel;
    private readonly CancellationToken _stop;
    private readonly Dictionary<string, int> _listeners = [];
    private readonly Dictionary<ushort, OfferedPort> _ports = [];
    private readonly HashSet<string> _takenListeners = [];
    private readonly Dictionary<ushort, IDeviceHandover> _devices = [];
    private int _memory = -1;

    private TakeOverTaker(string target, TakeOverChannel channel, CancellationToken stop)
    {
        Target = target;
        _stop = stop;
        _channel = channel;
    }

    /// <summary>As it was asked for.</summary>
    public string Target { get; }

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

    /// <summary>Asks a running switch for what it has.</summary>
    /// <param name="target">Its name, or <c>unix:PATH</c>.</param>
    /// <exception cref="OptionException">There is none, it is of another version, or it refuses.</exception>
    /// <param name="stop">Cancelled when this process is to end: before its last word it leaves the switch where it is.</param>
    public static TakeOverTaker Begin(string target, CancellationToken stop)
    {
        string path = ControlSockets.Find(target)["unix:".Length..];
        DescriptorSocket? socket = null;
        TakeOverTaker? taker = null;
        try
        {
            socket = DescriptorSocket.Connect(path);
            if (socket.Peer.User != Libc.geteuid() && socket.Peer.User != 0 && Libc.geteuid() != 0)
            {
                throw new InvalidDataException("it is another user's");
            }
            socket.Send(Encoding.UTF8.GetBytes($"{Verb}{TakeOverChannel.Version}\n"), [], AnswerPatience);
            ReadAnswer(socket);
            taker = new TakeOverTaker(target, new TakeOverChannel(socket, MostBytes), stop);
            taker.ReceiveOffer(socket.Peer.Process);
            return taker;
        }
        catch (Exception e) when (e is IOException or InvalidDataException or FormatException or ArgumentException)
        {
            taker?._channel.Fail(e.Message); // its log says why, too
            taker?.Dispose();
            socket?.Dispose();
            throw new OptionException($"--take-over: '{target}': {e.Message}", e);
        }
    }

    /// <summary>The error for an option that does not go with the running switch.</summary>
    public OptionException Refuse(string reason) => new($"--take-over: '{Target}': {reason}");

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
    /// <exception cref="PortException">It has, and it cannot be had.</exception>
    public IPortDevice? TakePort(ushort number, PortSpec spec, Func<DeviceOffer, IPortDevice> make)
    {
        if (!_ports.TryGetValue(number, out OfferedPort? offered) || offered.Spec != spec.Body)
        {
            return null;
        }
        if (offered.Device == null)
        {
            throw new PortException($"port '{spec.Text}': it cannot be taken over: {offered.Obstacle}");
        }
        _ports.Remove(number);
        return make(offered.Device);
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

    /// <summary>Kinds of devices that were taken.</summary>
    public IEnumerable<Type> DeviceTypes => _devices.Values.Select(device => device.GetType()).Distinct();

    /// <summary>Everything is open: has the running switch send its table, which rests from here on, and restores it.</summary>
    /// <exception cref="OptionException">It does not fit, or the running switch ends the take-over.</exception>
    public void LoadTable(DatapathControl control) => Guard(() =>
    {
        if (HasMemory && _ports.Values.FirstOrDefault(port => port.Device?.Kind == AfXdpPort.OfferKind) is { } left)
        {
            throw new InvalidDataException($"port {left.Number}={left.Spec} has to be among the ports: its packets lie in the memory that is taken over");
        }
        CodeWarmUp.ForTaker(DeviceTypes); // while nobody waits for it yet
        _channel.Send(TakeOverMessage.Begin, [], AnswerPatience);
        FlowAction[] actions = new FlowAction[ActionListMemory.MaxActions];
        while (_channel.Receive(TablePatience, out byte[] entries, out _) is var kind && kind != TakeOverMessage.EntriesEnd)
        {
            using ControlScope scope = control.Enter();
            for (ReadOnlySpan<byte> rest = entries; !rest.IsEmpty;)
            {
                if (kind != TakeOverMessage.Entries || !FlowEntryCodec.TryRead(rest, actions, out FlowStatistics entry, out int size))
                {
                    throw new InvalidDataException("an entry that makes no sense");
                }
                ControlError error = control.Flows.Restore(entry);
                if (error != ControlError.None)
                {
                    throw new InvalidDataException($"its entry {FlowCount + 1} is refused here: {error}");
                }
                FlowCount++;
                rest = rest[size..];
            }
        }
    });

    /// <summary>Goes on where the running switch comes to rest. When this returns the switch is this process's, and workers are to run at once.</summary>
    /// <param name="restoreHost">Reads what is not the datapath's.</param>
    /// <param name="warn">Told if what waited inside the running switch makes no sense: the switch goes on without.</param>
    /// <returns>How long nothing was forwarded, at most.</returns>
    /// <exception cref="OptionException">It is not: the running switch goes on.</exception>
    public TimeSpan Finish(DatapathControl control, Action<BinaryReader> restoreHost, Action<string> warn)
    {
        long began = 0;
        byte[] rest = [];
        try
        {
            Guard(() =>
            {
                Dictionary<ulong, uint> index = control.Handover.IndexFlows();
                _channel.Send(TakeOverMessage.Prepared, [], AnswerPatience);
                began = Stopwatch.GetTimestamp();
                TakeOverMessage kind;
                while ((kind = _channel.Receive(RestPatience, out rest, out _)) == TakeOverMessage.DeviceRest)
                {
                    if (rest.Length >= sizeof(ushort) && _devices.TryGetValue(BitConverter.ToUInt16(rest), out IDeviceHandover? device))
                    {
                        device.Adopt(rest.AsSpan(sizeof(ushort)));
                    }
                }
                if (kind != TakeOverMessage.Rest)
                {
                    throw new InvalidDataException($"a message {kind}");
                }
                using BinaryReader counts = new(new MemoryStream(_channel.Expect(TakeOverMessage.Counts, RestPatience)));
                using ControlScope scope = control.Enter();
                control.Handover.RestoreCounts(counts, index);
                if (_stop.IsCancellationRequested)
                {
                    throw new InvalidDataException("asked to end, and the running switch goes on");
                }
                _channel.Send(TakeOverMessage.Mine, RestPatience, new TakenThings(_devices.Keys.ToHashSet(), _takenListeners).Write);
            });
        }
        catch
        {
            // Those that were adopted already are the running switch's again: closing them here must change nothing.
            foreach (IDeviceHandover device in _devices.Values)
            {
                device.Yield();
            }
            throw;
        }
        // Not before: in frames that both have mapped, packets may wait that the running switch would have gone on with.
        control.Frames.FreeUnclaimed();
        RestoreRest(control, rest, restoreHost, warn);
        return Stopwatch.GetElapsedTime(began);
    }

    private void RestoreRest(DatapathControl control, byte[] rest, Action<BinaryReader> restoreHost, Action<string> warn)
    {
        try
        {
            using ControlScope scope = control.Enter();
            using BinaryReader reader = new(new MemoryStream(rest));
            control.Handover.RestoreRest(reader, _devices.ContainsKey);
            restoreHost(reader);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or FormatException or ArgumentException)
        {
            warn($"not all that waited and was counted in the switch taken over could be read: {e.Message}");
        }
    }

    /// <summary>Waits until the other process is gone, with its connections to controllers; for seconds at most.</summary>
    public void AwaitEnd()
    {
        try
        {
            _channel.Receive(RestPatience, out _, out _);
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            // so it is, or it takes long
        }
    }

    public void Dispose()
    {
        _channel.Dispose();
        foreach (OfferedPort port in _ports.Values)
        {
            port.Close();
        }
        _ports.Clear();
        foreach (int descriptor in _listeners.Values.Append(_memory).Where(descriptor => descriptor >= 0))
        {
            _ = Libc.close(descriptor);
        }
        _listeners.Clear();
        _memory = -1;
    }

    private void Guard(Action action)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is IOException or InvalidDataException or FormatException or ArgumentException)
        {
            _channel.Fail(e.Message);
            throw Refuse(e.Message);
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

    /// <param name="owner">The running switch's process.</param>
    private void ReceiveOffer(int owner)
    {
        while (_channel.Receive(AnswerPatience, out byte[] payload, out int[] descriptors) is var kind && kind != TakeOverMessage.OfferEnd)
        {
            using BinaryReader from = new(new MemoryStream(payload));
            switch (kind)
            {
                case TakeOverMessage.Switch:
                    DatapathId = from.ReadUInt64();
                    ControlPath = from.ReadString();
                    Name = from.ReadString();
                    FrameCount = from.ReadInt32();
                    FrameSize = from.ReadInt32();
                    byte version = from.ReadByte();
                    if (version != FlowEntryCodec.Version)
                    {
                        throw new InvalidDataException($"its entries are of version {version}, and this switch knows {FlowEntryCodec.Version}");
                    }
                    CheckNetwork(from.ReadString(), owner);
                    break;
                case TakeOverMessage.Memory when descriptors is [int memory]:
                    _memory = memory;
                    HasMemory = true;
                    break;
                case TakeOverMessage.Listener when descriptors is [int listener]:
                    _listeners[from.ReadString()] = listener;
                    break;
                case TakeOverMessage.Port:
                    OfferedPort port = OfferedPort.Read(from, descriptors);
                    _ports[port.Number] = port;
                    break;
                default:
                    Array.ForEach(descriptors, descriptor => _ = Libc.close(descriptor));
                    throw new InvalidDataException($"a message {kind} among its offers");
            }
        }
    }

    /// <summary>Lines until <c>ok</c> or <c>error</c>, as for any command of the control socket; what follows is left where it is.</summary>
    private static void ReadAnswer(DescriptorSocket socket)
    {
        List<string> reasons = [];
        List<byte> line = [];
        byte[] next = new byte[1];
        while (line.Count < LongestLine)
        {
            socket.Receive(next, [], AnswerPatience);
            if (next[0] != '\n')
            {
                line.Add(next[0]);
                continue;
            }
            string text = Encoding.UTF8.GetString([.. line]);
            line.Clear();
            if (text == ControlProtocol.Ok)
            {
                return;
            }
            if (text == ControlProtocol.Error)
            {
                break;
            }
            reasons.Add(text.TrimStart(ControlProtocol.TextMark));
        }
        throw new InvalidDataException($"it refuses: {string.Join("; ", reasons)}");
    }
}
