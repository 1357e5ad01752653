namespace Softswitch.Hosting.Configuration;

/// <summary>Whose an option is where a process has several switches.</summary>
internal enum OptionScope
{
    /// <summary>A switch's; beside <c>switches:</c> it is what holds for those that say nothing else.</summary>
    Switch,

    /// <summary>One switch's: no two can have the same.</summary>
    OneSwitch,

    /// <summary>The process's and each switch's: both have one of their own.</summary>
    Each,

    /// <summary>The process's alone.</summary>
    Process,
}
