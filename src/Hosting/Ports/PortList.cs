using Softswitch.Datapath.Packets;
using Softswitch.Datapath.Ports;
using Softswitch.Hosting.Configuration;
using Softswitch.Hosting.State;
using Softswitch.Ports.Specs;

namespace Softswitch.Hosting.Ports;

/// <summary>The ports a switch is to have: their numbers, and the frames of the pool that they take for themselves.</summary>
/// <remarks>Threads: any that holds <see cref="Lock"/>; members that take it by themselves say so.</remarks>
internal sealed class PortList
{
    private readonly List<ConfiguredPort> _ports;
    private readonly PortNumbers _numbers;
    private readonly FramePool _pool;
    private readonly int _framesForPackets;

    /// <param name="options">The switch's.</param>
    /// <param name="pool">Of frames for packets and of those that the ports of the options take.</param>
    /// <param name="state">Remembers numbers; null where there is none.</param>
    public PortList(SwitchOptions options, FramePool pool, JournalQueue? state)
    {
        _ports = [.. options.Ports.Select(port => new ConfiguredPort(port, [.. options.Queues.Where(queue => queue.Port == port.Number)]))];
        _numbers = new PortNumbers(state);
        _pool = pool;
        _framesForPackets = pool.FrameCount - FramesTaken;
    }

    /// <summary>Taken before the control lock.</summary>
    public Lock Lock { get; } = new();

    /// <summary>Set when ports neither come nor go any more.</summary>
    public bool IsClosed { get; set; }

    public IReadOnlyList<ConfiguredPort> All => _ports;

    public IOrderedEnumerable<ConfiguredPort> InOrder => _ports.OrderBy(port => port.Number);

    private int FramesTaken => _ports.Sum(port => port.FramesTaken);

    /// <summary>Whether the port is still to be opened.</summary>
    public bool IsWanted(ConfiguredPort port) => !IsClosed && _ports.Contains(port);

    /// <param name="which">A number, <c>local</c>, or a name: the interface's present one, or the one the port was asked for by.</param>
    /// <exception cref="OptionException">There is no such port.</exception>
    public ConfiguredPort Get(string which) =>
        _ports.Find(port => port.Label == which || (which == "local" && port.Number == PortNumber.Local))
        ?? _ports.Find(port => port.Name == which)
        ?? _ports.Find(port => port.Option.Spec.Target == which && which.Length > 0)
        ?? throw NoSuchPort(which);

    /// <summary>Null if there is none.</summary>
    public ConfiguredPort? Find(ushort number) => _ports.Find(port => port.Number == number);

    /// <summary>The port that stands on the interface of this index; null if there is none.</summary>
    public ConfiguredPort? FindByInterface(int index) => _ports.Find(port => port.Interface?.InterfaceIndex == index);

    /// <summary>The error for a port that is not there; it says which are.</summary>
    public OptionException NoSuchPort(string which) =>
        new($"port '{which}': there is no such port; there are {string.Join(", ", InOrder.Select(p => $"{p.Label} ({p.Name})").DefaultIfEmpty("none"))}");

    /// <summary>As <see cref="SwitchPorts.NumberFor"/>.</summary>
    public ushort? NumberFor(PortSpec spec, IReadOnlyCollection<ushort> taken)
    {
        IEnumerable<ConfiguredPort> free = _ports.Where(port => !taken.Contains(port.Number));
        ConfiguredPort? same = free.FirstOrDefault(port => port.Option.Spec.Body == spec.Body)
            ?? free.FirstOrDefault(port => spec.Target.Length > 0 && port.Option.Spec.Target == spec.Target);
        return same?.Number ?? _numbers.Choose(StateFolder.NameOf(spec), _ports.Select(port => port.Number).Concat(taken).ToHashSet());
    }

    /// <summary>Adds a port by hand, with a number of its own or one that is free. Takes the lock.</summary>
    /// <exception cref="OptionException">The number is taken, or frames are short. Nothing is changed then.</exception>
    public ConfiguredPort Reserve(PortSpec spec)
    {
        lock (Lock)
        {
            ushort number = spec.Number ?? _numbers.Choose(StateFolder.NameOf(spec), _ports.Select(port => port.Number).ToHashSet())
                ?? throw new OptionException($"port '{spec}': all port numbers are in use");
            return Reserve(new PortOption(number, spec, PortOption.ByHand), []);
        }
    }

    /// <summary>Adds a port. Takes the lock.</summary>
    /// <exception cref="OptionException">As above.</exception>
    public ConfiguredPort Reserve(PortOption option, IReadOnlyList<QueueOption> queues)
    {
        lock (Lock)
        {
            if (Find(option.Number) is { } owner)
            {
                throw new OptionException($"port '{option}': the number belongs to '{owner.Option.Spec}'");
            }
            var port = new ConfiguredPort(option, queues);
            GiveFrames(port, port.FramesTaken);
            _ports.Add(port);
            return port;
        }
    }

    /// <summary>Puts a port back that was removed, with the number and the frames it had. Takes the lock.</summary>
    public ConfiguredPort PutBack(PortOption option, IReadOnlyList<QueueOption> queues)
    {
        var port = new ConfiguredPort(option, queues);
        lock (Lock)
        {
            _ports.Add(port);
        }
        return port;
    }

    /// <summary>
    /// Lets a port have frames for itself. The pool is as large as it is: at least half of <c>--frames</c> must be left to the packets
    /// under way.
    /// </summary>
    /// <exception cref="OptionException">There are not as many to spare.</exception>
    public void GiveFrames(ConfiguredPort port, int wanted)
    {
        int atStart = _pool.FrameCount - _framesForPackets;
        int taken = FramesTaken - (_ports.Contains(port) ? port.FramesTaken : 0);
        int spare = _pool.FrameCount - (_framesForPackets / 2) - taken;
        if (wanted > spare)
        {
            throw new OptionException(
                $"port '{port.Option.Spec}': it takes {wanted} frames and {Math.Max(spare, 0)} are to spare; start the switch with --frames {2 * (taken + wanted - atStart)} or more");
        }
        port.FramesTaken = wanted;
    }

    /// <summary>The port's number is used: it is open, or waits for its interface.</summary>
    public void NoteUse(ConfiguredPort port) => _numbers.Use(port.Number, StateFolder.NameOf(port.Option.Spec));

    /// <summary>Takes back <see cref="Reserve(PortSpec)"/>. Takes the lock.</summary>
    public void Forget(ConfiguredPort port)
    {
        lock (Lock)
        {
            _ports.Remove(port);
        }
    }

    /// <summary>Removes a port for good.</summary>
    public void Remove(ConfiguredPort port)
    {
        _ports.Remove(port);
        _numbers.GiveUp(port.Number);
    }

    /// <summary>Writes down what ports there are, and those that come.</summary>
    public void Remember(JournalQueue state)
    {
        _numbers.Remember(state);
        _ports.ForEach(port => state.NotePort(StateFolder.NameOf(port.Option.Spec), port.Number));
    }
}
