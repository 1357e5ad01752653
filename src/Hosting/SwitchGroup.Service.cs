namespace Softswitch.Hosting;

/// <content>The process as its service manager sees it.</content>
public sealed partial class SwitchGroup
{
    /// <summary>The threads of all switches, with a number for each as <see cref="SwitchHost.ReadProgress"/> has it.</summary>
    internal IReadOnlyList<(string Thread, long Turns)> ReadProgress() =>
        [.. Switches.SelectMany(host => host.ReadProgress().Select(one => _hadSeveral ? ($"{one.Thread} of switch {host.Name}", one.Turns) : one))];

    /// <summary>One line: <c>4 ports, 3 up; 1 of 2 controllers connected</c>, or <c>3 switches, 1 failed</c>.</summary>
    /// <exception cref="ObjectDisposedException">The process ends.</exception>
    internal string DescribeForService()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (HasOneSwitch)
        {
            return Switches is [var one] ? one.DescribeForService() : string.Empty;
        }
        int failed, all;
        lock (_lock)
        {
            (all, failed) = (_members.Count, _members.Count(member => member.Failure != null));
        }
        return $"{all} switches{(failed > 0 ? $", {failed} failed" : string.Empty)}";
    }
}
