using System.Globalization;
using Softswitch.Datapath.SpanningTree;

namespace Softswitch.Hosting.Configuration;

/// <summary>The settings of IEEE 802.1D spanning tree.</summary>
internal static class SpanningTreeSettings
{
    /// <returns>Null without spanning tree. What is wrong is told to <paramref name="refuse"/>, also of settings that stay unused.</returns>
    public static SpanningTreeOptions? Read(ILookup<string, Setting> settings, Action<Setting, string> refuse)
    {
        var defaults = new SpanningTreeOptions();
        int errors = 0;
        var options = new SpanningTreeOptions
        {
            Priority = (ushort)Number(SettingKey.StpPriority, 0, ushort.MaxValue, defaults.Priority),
            HelloSeconds = Number(SettingKey.StpHello, SpanningTreeOptions.MinHelloSeconds, SpanningTreeOptions.MaxHelloSeconds, defaults.HelloSeconds),
            MaxAgeSeconds = Number(SettingKey.StpMaxAge, SpanningTreeOptions.MinMaxAgeSeconds, SpanningTreeOptions.MaxMaxAgeSeconds, defaults.MaxAgeSeconds),
            ForwardDelaySeconds = Number(
                SettingKey.StpForwardDelay, SpanningTreeOptions.MinForwardDelaySeconds, SpanningTreeOptions.MaxForwardDelaySeconds, defaults.ForwardDelaySeconds),
        };
        if (errors == 0 && options.Refusal is { } reason)
        {
            Setting culprit = new[] { SettingKey.StpMaxAge, SettingKey.StpForwardDelay, SettingKey.StpHello }.Select(Last).First(setting => setting != null)!;
            Refuse(culprit, $"{options.HelloSeconds} s hello, {options.MaxAgeSeconds} s maximum age, {options.ForwardDelaySeconds} s forward delay: {reason}");
        }
        return ReadEnabled() && errors == 0 ? options : null;

        Setting? Last(SettingKey key) => settings[key.Name].LastOrDefault();

        void Refuse(Setting setting, string why)
        {
            errors++;
            refuse(setting, why);
        }

        int Number(SettingKey key, int lowest, int highest, int otherwise)
        {
            if (Last(key) is not { } setting)
            {
                return otherwise;
            }
            if (int.TryParse(setting.Value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= lowest && number <= highest)
            {
                return number;
            }
            Refuse(setting, $"'{setting.Value}' is not a number from {lowest} to {highest}");
            return otherwise;
        }

        bool ReadEnabled()
        {
            if (Last(SettingKey.Stp) is not { } setting)
            {
                return false;
            }
            if (!bool.TryParse(setting.Value, out bool enabled))
            {
                Refuse(setting, $"'{setting.Value}' is neither true nor false");
            }
            return enabled;
        }
    }
}
