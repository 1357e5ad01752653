using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Softswitch.Datapath.Headers;
using Softswitch.Ports.Tunnels.Settings;

namespace Softswitch.Lab.Machines;

/// <summary>How a machine's network card reaches a switch.</summary>
internal enum MachineCable
{
    /// <summary>A TAP device in the switch's namespace.</summary>
    Tap,

    /// <summary>A vhost-user socket at which QEMU listens.</summary>
    VhostUser,
}

/// <summary>A virtual machine that QEMU runs, by KVM where that works and by emulation elsewhere. It is moved between its places by live migration.</summary>
/// <remarks>
/// <para>
/// It runs Linux from <see cref="GuestImage"/>, and answers ping. Each place has a cable and, while the machine is there or is expected, a QEMU of its own.
/// The link of a place without one is down.
/// </para>
/// <para>Its network namespace is the hypervisor's: QEMU runs there when the cable is no TAP device. Threads: any, one at a time.</para>
/// </remarks>
internal sealed partial class LabMachine(string name, MacAddress hardwareAddress, Ipv4Prefix address, Be32? gateway = null) : LabNode(name), IMobileHost
{
    private static readonly TimeSpan BootPatience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan CommandPatience = TimeSpan.FromSeconds(120); // emulated, on a busy machine
    private static readonly TimeSpan MovePatience = TimeSpan.FromSeconds(60);

    private readonly List<MachinePlace> _places = [];
    private readonly string _folder = Directory.CreateTempSubdirectory("softswitch-").FullName;
    private int _started;
    private bool _isMoving;

    /// <summary>For cables that are laid from now on.</summary>
    public MachineCable Cable { get; init; } = MachineCable.VhostUser;

    /// <summary>In MiB.</summary>
    public int Memory { get; init; } = 160;

    /// <summary>Queue pairs of the network card, and processors.</summary>
    public int Queues { get; init; } = 1;

    /// <summary>More of QEMU's options of the network card, such as <c>guest_announce=off</c>.</summary>
    public string CardOptions { get; init; } = string.Empty;

    /// <summary>More of QEMU's arguments.</summary>
    public IReadOnlyList<string> Arguments { get; init; } = [];

    /// <summary>Kills its QEMU and ends all waits for the guest.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>QEMU stops the guest for the last step of a move when that will take no longer.</summary>
    public TimeSpan DowntimeLimit { get; init; } = TimeSpan.FromMilliseconds(300);

    public MacAddress HardwareAddress { get; } = hardwareAddress;

    public Ipv4Prefix Prefix { get; } = address;

    public Be32 Address => Prefix.Address;

    public IPAddress IPAddress => new(Address.Raw);

    public override string Caption => Ipv4Text.Format(Address);

    public int Current { get; private set; }

    /// <summary>Orders to the QEMU that has the machine now.</summary>
    public Qmp Control => ControlAt(Current);

    /// <summary>What QEMU and the guest's kernel have printed at the place where it is.</summary>
    public string Console => Running.Console;

    /// <summary>The command, on this system, that opens its shell.</summary>
    public override string AccessCommand => _places[Current].Qemu is { } running ? $"socat -,raw,echo=0,escape=0x1d UNIX-CONNECT:{running.Shell} # a shell inside; Ctrl-] leaves it" : "ended";

    private Qemu Running => At(Current);

    /// <summary>Orders to the QEMU at a place.</summary>
    public Qmp ControlAt(int place) => At(place).Control;

    /// <summary>Lays a cable to a place where it may be.</summary>
    /// <param name="node">Where the switch is.</param>
    /// <param name="interfaceName">Of the TAP device, where it is one.</param>
    /// <returns>What the switch's port is given, as behind <c>--port N=</c>.</returns>
    public string Connect(LabNode node, string interfaceName)
    {
        if (Cable == MachineCable.VhostUser)
        {
            string path = Path.Combine(_folder, $"port{_places.Count}");
            _places.Add(new MachinePlace(this, $"socket,id=cable,path={path},server=on,wait=off"));
            return $"vhost-user:{path}{(Queues > 1 ? $",queues={Queues}" : string.Empty)}";
        }
        TapCable.Lay(node, interfaceName, hasSeveralQueues: Queues > 1);
        _places.Add(new MachinePlace(node, interfaceName));
        return $"packet:{interfaceName}";
    }

    /// <summary>As <see cref="Connect(LabNode, string)"/>, to a port of a switch of the lab.</summary>
    public string Connect(LabSwitch device, ushort port)
    {
        string text = Connect(device, LabSwitch.InterfaceOf(port));
        _places[^1] = _places[^1] with { Switch = device, Port = port };
        return text;
    }

    /// <summary>Boots it at its first place and waits until it answers. By vhost-user the switch has to run.</summary>
    /// <exception cref="TestbedException">It does not; the message has QEMU's last words.</exception>
    public void Start()
    {
        MachinePlace place = _places[Current];
        place.Qemu = Launch(place);
        AwaitBoot();
    }

    /// <summary>Ends it as a power cut does.</summary>
    public void Stop() => _places.ForEach(place => place.Leave());

    /// <summary>Waits until it answers after a boot that this object did not cause, such as by <c>reboot -f</c> inside.</summary>
    /// <exception cref="TestbedException">It does not.</exception>
    public void AwaitBoot() => Running.Agent.AwaitReady(BootPatience, Running.FindFailure);

    /// <summary>Runs a command of the shell inside, within two minutes. Its error stream is part of the output.</summary>
    /// <exception cref="TestbedException">It does not come to an end.</exception>
    public CommandResult Execute(string command) => Execute(CommandPatience, command);

    /// <summary>As <see cref="Execute(string)"/>, within <paramref name="limit"/>.</summary>
    public CommandResult Execute(TimeSpan limit, string command) => Running.Agent.Execute(command, limit, Running.FindFailure);

    /// <summary>Runs a program inside.</summary>
    public override CommandResult Execute(TimeSpan limit, string file, params string[] arguments) =>
        Execute(limit, string.Join(' ', arguments.Prepend(file).Select(word => $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'")));

    /// <summary>Starts the QEMU that waits for it at another place. That place's link is up from now on where the cable is a TAP device.</summary>
    /// <exception cref="TestbedException">QEMU does not start.</exception>
    public void Prepare(int place)
    {
        MachinePlace target = _places[place];
        if (target.Qemu != null)
        {
            return;
        }
        target.Qemu = Launch(target, "-incoming", "defer");
    }

    /// <summary>Begins to migrate it to another place, and does not end before <see cref="MoveTo"/>.</summary>
    /// <param name="from">The connection's end at the hypervisor that has it; as <paramref name="to"/>, with nothing under way, and the caller's.</param>
    /// <param name="to">At the hypervisor that gets it.</param>
    /// <param name="bytesPerSecond">So few that there is something left to send until then.</param>
    /// <exception cref="TestbedException">QEMU refuses.</exception>
    public void BeginMove(int place, Socket from, Socket to, long bytesPerSecond)
    {
        Prepare(place);
        Qemu target = _places[place].Qemu!;
        target.Expect(target.Take(to));
        Running.BeginSending(Running.Take(from), DowntimeLimit, bytesPerSecond);
        _isMoving = true;
    }

    /// <summary>Migrates it live. Its card announces it at the new place, and the QEMU it left ends: the old place's link goes down.</summary>
    /// <exception cref="TestbedException">Migration failed; the machine runs on where it was, and the other place is not prepared any more.</exception>
    public MigrationFigures? MoveTo(int place)
    {
        Prepare(place);
        MachinePlace left = _places[Current];
        MachinePlace target = _places[place];
        try
        {
            if (!_isMoving)
            {
                string address = $"unix:{SocketOf(place)}";
                target.Qemu!.Expect(address);
                left.Qemu!.BeginSending(address, DowntimeLimit);
            }
            MigrationFigures figures = left.Qemu!.EndSending(target.Qemu!, MovePatience);
            Current = place;
            left.Leave();
            return figures;
        }
        catch (TestbedException)
        {
            target.Leave();
            throw;
        }
        finally
        {
            _isMoving = false;
        }
    }

    /// <summary>Has its kernel broadcast a gratuitous ARP request.</summary>
    public void Announce() => Execute($"arping -U -c 1 -I eth0 {Ipv4Text.Format(Address)}").Checked();

    /// <summary>Has QEMU announce it: by RARP if the card was given <c>guest_announce=off</c>, else the guest does it by gratuitous ARP.</summary>
    public void AnnounceByRarp() =>
        Control.Execute("announce-self", new JsonObject { ["initial"] = 50, ["max"] = 50, ["rounds"] = 1, ["step"] = 50 });

    public void ForgetNeighbours() => Execute("ip neigh flush dev eth0").Checked();

    public MacAddress? FindNeighbour(Be32 address) => ArpCache.Find(Execute("cat /proc/net/arp").Checked().Output, address);

    /// <summary>Has it send back from now on what comes to a port.</summary>
    /// <returns>Null.</returns>
    public Socket? Listen(ProtocolType protocol, ushort port)
    {
        Execute($"echo-on {(protocol == ProtocolType.Tcp ? "tcp" : "udp")} {port}").Checked();
        return null;
    }

    /// <inheritdoc/>
    public TimeSpan? Ping(Be32 to, TimeSpan patience)
    {
        int seconds = Math.Max(1, (int)Math.Ceiling(patience.TotalSeconds));
        CommandResult said = Execute($"ping -c 1 -W {seconds} {Ipv4Text.Format(to)}");
        Match time = RoundTrip().Match(said.Output);
        TimeSpan taken = time.Success ? TimeSpan.FromMilliseconds(double.Parse(time.Groups[1].ValueSpan, CultureInfo.InvariantCulture)) : patience;
        return taken < patience ? taken : null;
    }

    /// <inheritdoc/>
    public CableEnd CableTo(int place) => new(_places[place].Switch, InterfaceName: null, _places[place].Port);

    public override string? FindFailure() => _places.Select(place => place.Qemu?.FindFailure()).FirstOrDefault(failure => failure != null);

    public override void Dispose()
    {
        Stop();
        base.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private Qemu At(int place) => _places[place].Qemu ?? throw new InvalidOperationException($"{Name} is not started");

    private string SocketOf(int place) => Path.Combine(_folder, $"move{place}");

    private Qemu Launch(MachinePlace place, params string[] more)
    {
        GuestImage image = GuestImage.Instance;
        string way = gateway is { } next ? $" lab.gateway={Ipv4Text.Format(next)}" : string.Empty;
        // QEMU 7.2 without KVM crashes when a vhost-user card's MSI-X vectors are first used; without any it has the PCI interrupt.
        string vectors = Cable == MachineCable.VhostUser && Acceleration.Name == "tcg" ? ",vectors=0" : string.Empty;
        string several = Queues > 1 ? ",mq=on" : string.Empty;
        string options = CardOptions.Length > 0 ? $",{CardOptions}" : string.Empty;
        string[] arguments =
        [
            "-name", Name, "-nodefaults", "-no-user-config", "-display", "none", "-cpu", "max", "-smp", $"{Queues}", "-m", $"{Memory}M",
            "-object", $"memory-backend-memfd,id=memory,size={Memory}M,share=on", "-machine", $"pc,accel={Acceleration.Name},memory-backend=memory",
            "-kernel", image.Kernel, "-initrd", image.FileSystem,
            // no_timer_check: without KVM the kernel tries its timer for some ticks, and panics when a busy machine is late with them.
            "-append", $"console=ttyS0 quiet no_timer_check ipv6.disable=1 memhp_default_state=online lab.address={Prefix}{way}",
            .. place.Backend(Queues), "-device", $"virtio-net-pci,id=card,netdev=network,mac={HardwareAddress},romfile={vectors}{several}{options}",
            .. Arguments, .. more,
        ];
        return Qemu.Start(place.Node, Name, _folder, (_started++).ToString(CultureInfo.InvariantCulture), arguments, Cancellation);
    }

    [GeneratedRegex("time=([0-9.]+) ms")]
    private static partial Regex RoundTrip();
}
