using Softswitch.Datapath.Control;
using Softswitch.Datapath.Pipeline;

namespace Softswitch.OfAgent.Agent;

/// <summary>Decides which peers get packets without a flow entry, and what the switch does without controllers.</summary>
/// <remarks>
/// If controllers are configured, they get the packets while at least one is connected. Peers of listeners are management tools then: they get
/// events only after SET_CONFIG with a miss_send_len above 0, like Open vSwitch's service connections, and do not count as controllers. While no
/// controller is connected, in fail mode secure, they get the packets that would be dropped. If no controller is configured, a peer of a listener
/// may be the controller: it gets events at once, and counts as one from its SET_CONFIG on (in fail mode secure, where this loses no packets, from
/// its FEATURES_REQUEST on). While no controller counts, the fail mode decides. Threads: under the control lock, with the table if emergency mode may be due.
/// </remarks>
internal sealed class MissPolicy
{
    /// <summary>How long the switch waits for a controller that was connected to the process before it.</summary>
    public static readonly TimeSpan PresumedFor = TimeSpan.FromSeconds(3);

    private readonly DatapathControl _control;
    private readonly ControllerSessions _sessions;
    private readonly ControllerLossDetector _contact;
    private readonly CancellationToken _ending;
    private AgentOptions _options;
    private bool _hasOwnController;
    private long? _presumedSince;

    /// <param name="ending">Once cancelled, connections that end are no loss of contact.</param>
    public MissPolicy(DatapathControl control, ControllerSessions sessions, AgentOptions options, CancellationToken ending)
    {
        _control = control;
        _sessions = sessions;
        _options = options;
        _ending = ending;
        _contact = new ControllerLossDetector(control, options);
    }

    /// <summary>Whether the program that runs the switch takes packet-ins itself: a controller that is always there.</summary>
    public bool HasOwnController
    {
        get => _hasOwnController;
        set
        {
            _hasOwnController = value;
            ChooseMissBehaviour();
        }
    }

    /// <summary>Whether there is a controller, or one is presumed to be.</summary>
    public bool HasContact => IsPresumed || _sessions.All.Any(IsInCharge);

    /// <summary>Whether a controller is presumed to be about to connect.</summary>
    public bool IsPresumed => _presumedSince != null;

    /// <summary>Goes by other options from now on; <see cref="Update"/> follows.</summary>
    public void Configure(AgentOptions options)
    {
        _options = options;
        _contact.Configure(options);
    }

    /// <summary>
    /// Another process had a controller, which is about to connect again: until it has, or <see cref="PresumedFor"/> is over, misses are the controller's
    /// and wait for it.
    /// </summary>
    public void PresumeContact()
    {
        _presumedSince = _options.TimeProvider.GetTimestamp();
        _control.PacketIns.IsHeld = true;
        Update();
    }

    /// <summary>A connection came, went, or asked for packets.</summary>
    public void Update()
    {
        if (_presumedSince is { } since && (_sessions.All.Any(IsInCharge) || _options.TimeProvider.GetElapsedTime(since) > PresumedFor))
        {
            _presumedSince = null;
            _control.PacketIns.IsHeld = false;
        }
        ChooseMissBehaviour();
        if (!_ending.IsCancellationRequested)
        {
            _contact.Note(IsPresumed || _sessions.All.Any(IsController));
        }
    }

    /// <summary>A controller was not reached.</summary>
    public void NoteFailedAttempt() => _contact.NoteFailedAttempt();

    /// <summary>A line for the log when emergency mode was entered or left, once.</summary>
    public string? TakeNews() => _contact.TakeNews();

    private void ChooseMissBehaviour()
    {
        _control.Pipeline.MissBehaviour = _hasOwnController || HasContact ? MissBehaviour.Controller
            : _options.FailMode == FailMode.Standalone ? MissBehaviour.Normal
            : _sessions.All.Any(IsMonitor) ? MissBehaviour.Controller
            : MissBehaviour.Drop;
    }

    private bool IsInCharge(ControllerConnection connection)
    {
        ControllerSession session = connection.Session;
        if (!session.IsNegotiated || _options.IsManagement(connection.IsPassive))
        {
            return false;
        }
        return !connection.IsPassive || session.IsConfigured || (_options.FailMode == FailMode.Secure && session.IsIntroduced);
    }

    /// <summary>Whether this management tool asked for packets: what would be dropped while no controller is there, it is shown.</summary>
    private bool IsMonitor(ControllerConnection connection) => _options.IsManagement(connection.IsPassive) && connection.Session.WantsPacketIns;

    /// <summary>Whether losing this connection is losing contact: a tool that looks in through a listener and leaves is no controller.</summary>
    private bool IsController(ControllerConnection connection) =>
        connection.Session.IsNegotiated && !_options.IsManagement(connection.IsPassive) && (!connection.IsPassive || connection.Session.IsConfigured);
}
