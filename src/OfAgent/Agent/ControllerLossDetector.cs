using Softswitch.Datapath.Control;

namespace Softswitch.OfAgent.Agent;

/// <summary>Decides when contact with the controllers is lost, and has the datapath enter and leave emergency mode (OpenFlow 1.0.0 §4.3).</summary>
/// <remarks>
/// Contact is lost when no controller is left and the configured number of attempts to reach one has failed since. If controllers connect to
/// the switch, it can make no attempts, so contact is lost at once. Without emergency entries the switch does not enter emergency mode, and the
/// fail mode alone decides. Threads: under the control lock.
/// </remarks>
internal sealed class ControllerLossDetector
{
    private readonly DatapathControl _control;
    private int _attempts;
    private bool _hadContact;
    private bool _isLost;
    private int _failedAttempts;
    private string? _news;

    public ControllerLossDetector(DatapathControl control, AgentOptions options)
    {
        _control = control;
        Configure(options);
    }

    /// <summary>Takes new options. If they name no controller, the switch has not lost contact: that was intended.</summary>
    public void Configure(AgentOptions options)
    {
        _attempts = options.Controllers.Count == 0 ? 0 : options.EmergencyAttempts;
        if (options.Controllers.Count == 0)
        {
            _hadContact = _isLost = false;
        }
    }

    /// <summary>After every change of a connection.</summary>
    /// <param name="hasContact">Whether a controller is connected.</param>
    public void Note(bool hasContact)
    {
        bool hadContact = _hadContact;
        _hadContact = hasContact; // set first: to enter the mode releases the lock, and a controller may connect meanwhile
        if (hasContact)
        {
            _news = _control.Flows.Emergency.InForce ? "emergency mode left: its flow entries stay until the controller deletes them" : _news;
            _control.Flows.Emergency.Leave();
            _isLost = false;
        }
        else if (hadContact)
        {
            _isLost = true;
            _failedAttempts = 0;
            EnterIfLost();
        }
    }

    public void NoteFailedAttempt()
    {
        _failedAttempts++;
        EnterIfLost();
    }

    /// <summary>The next line for the log; null if there is none. Each is returned once.</summary>
    public string? TakeNews()
    {
        string? news = _news;
        _news = null;
        return news;
    }

    private void EnterIfLost()
    {
        if (_isLost && _failedAttempts >= _attempts && _control.Flows.Emergency.Enter() && _control.Flows.Emergency.InForce)
        {
            _news = "emergency mode entered: no controller; its flow entries are in force, all others deleted";
        }
    }
}
